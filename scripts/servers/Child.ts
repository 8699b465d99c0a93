// What all servers of the tests have in common: a free port, the program's words, and its end.
import type { ChildProcess } from "node:child_process"
import { once as event } from "node:events"
import { type AddressInfo, createServer } from "node:net"

export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, "127.0.0.1")
  await event(probe, "listening")
  const { port } = probe.address() as AddressInfo
  probe.close()
  await event(probe, "close")
  return port
}

/** Keeps what the program prints, and why it could not be run, the newest million characters; gives them when asked. */
export const listen = (child: ChildProcess): (() => string) => {
  let printed = ""
  const print = (text: string) => void (printed = (printed + text).slice(-1_000_000))
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", print)
  child.on("error", ({ message }) => print(message))
  return () => printed
}

/** One that could not even be run has no process. */
export const hasEnded = ({ exitCode, pid, signalCode }: ChildProcess): boolean =>
  pid === undefined || exitCode !== null || signalCode !== null

export const end = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (hasEnded(child)) return
  const exit = event(child, "exit")
  child.kill(signal)
  await exit
}

/** The error of a server that does not answer, with its last words. */
export const notStarted = (name: string, printed: string): Error =>
  new Error(`${name} did not start:\n${printed.split("\n").slice(-15).join("\n")}`)
