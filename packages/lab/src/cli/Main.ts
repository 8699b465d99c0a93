/**
 * The command `mulligan`: what it can do, and how it ends.
 */
import * as NodeChildProcessSpawner from "@effect/platform-node-shared/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import * as NodePath from "@effect/platform-node-shared/NodePath"
import * as NodeRuntime from "@effect/platform-node-shared/NodeRuntime"
import * as NodeStdio from "@effect/platform-node-shared/NodeStdio"
import * as NodeTerminal from "@effect/platform-node-shared/NodeTerminal"
import * as Cause from "effect/Cause"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { readFileSync } from "node:fs"
import { commands } from "./commands/index.ts"
import * as Problem from "./Problem.ts"
import { screen } from "./Screen.ts"
import { inOurWords } from "./Words.ts"

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}

const mulligan = Command.make("mulligan").pipe(
  Command.withDescription(`Inference compute only where a model's own judgement says that it pays.

  Ends with ${Problem.codes.fine} if all went well, ${Problem.codes.failed} if something failed, ${Problem.codes.usage} if it was asked wrongly, ${Problem.codes.interrupted} if it was interrupted.
  Colours and bars on a terminal only, and none with NO_COLOR. MULLIGAN_DEBUG=1 shows where an error comes from.
  Completions: mulligan --completions bash >> ~/.bashrc (or zsh, fish, powershell).`),
  Command.withSubcommands(commands)
)

/** What the libraries log is for people: a model taken from the cache, a data set's licence. */
const notes = Logger.make(({ message }) =>
  screen.note(screen.paint("gray", inOurWords([message].flat().map(String).join(" "))))
)

/** A sentence on what is wrong with the options; the whole help only where it was asked for. */
const presenter: CliOutput.Presenter = {
  present: (event) => (event._tag === "InvalidInvocation" ? Effect.void : CliOutput.defaultPresenter.present(event))
}

const platform = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeStdio.layer,
  NodeTerminal.layer,
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
  CliOutput.layerPresenter(presenter),
  Logger.layer([notes])
)
const services = Layer.provideMerge(NodeChildProcessSpawner.layer, platform)

/** Tells what went wrong, and with which code that ends. */
const codeOf = (cause: Cause.Cause<unknown>): number => {
  if (Cause.hasInterruptsOnly(cause)) return Problem.codes.interrupted
  const { code, text } = Problem.told(cause)
  if (code === Problem.codes.fine) return code
  screen.note(`${screen.paint("red", "mulligan:")} ${text}`)
  if (process.env["MULLIGAN_DEBUG"] === "1") screen.note(Problem.trace(cause))
  return code
}

/** Node's own word on what it counts as an experiment (`node:sqlite`) says nothing to who runs a command. */
const hush = () => {
  const [...listeners] = process.listeners("warning")
  process.removeAllListeners("warning")
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") for (const listener of listeners) listener(warning)
  })
}

/** A reader that has seen enough (`| head`) is no error; a second Ctrl-C does not wait for anything. */
const listen = () => {
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") process.exit(Problem.codes.fine)
  })
  let signals = 0
  process.on("SIGINT", () => ++signals > 1 && process.exit(Problem.codes.interrupted))
}

/** Runs a command line, without the name of the command. */
export const run = (args: ReadonlyArray<string>) =>
  Effect.provide(Command.runWith(mulligan, { version })(args), services)

/** Runs the command that the process was started with, and ends the process. */
export const main = (): void => {
  hush()
  listen()
  NodeRuntime.runMain(run(process.argv.slice(2)), {
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(exit._tag === "Success" ? Problem.codes.fine : codeOf(exit.cause))
  })
}
