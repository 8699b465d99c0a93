// What test servers need is brought once into tmp/servers of the checkout; what cannot be had is skipped with a reason.
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { promisify } from "node:util"
import { root } from "../checks/run.ts"

export const cache = join(root, "tmp/servers")

export interface Skipped {
  readonly skipped: string
}

/** The machine lacks something; anything else that goes wrong is a mistake of ours and is thrown on. */
export class Unavailable extends Error {}

/** Runs a tool and gives what it printed; where it is missing or fails, what it was for is unavailable. */
export const run = async (command: string, args: ReadonlyArray<string>, options: RunOptions = {}): Promise<string> => {
  try {
    const { stderr, stdout } = await promisify(execFile)(command, args, { ...options, maxBuffer: 1 << 28 })
    return `${stdout}${stderr}`
  } catch (error) {
    const { message, stderr = "" } = error as { readonly message: string; readonly stderr?: string }
    const why = (stderr.trim() || message).split("\n").slice(-3).join(" ")
    throw new Unavailable(`${basename(command)}: ${why}`)
  }
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

export const orSkipped = async <A>(bring: () => Promise<A>): Promise<A | Skipped> => {
  try {
    return await bring()
  } catch (error) {
    if (error instanceof Unavailable) return { skipped: error.message }
    throw error
  }
}

export const sha256 = (...files: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest("hex")
}

/**
 * Makes the folder `name` if it is not there with this stamp. It is made beside its place and moved there at the end, so
 * that a run which was interrupted, or another one at the same time, leaves nothing half made.
 */
export const once = async (name: string, stamp: string, make: (folder: string) => Promise<void>): Promise<string> => {
  const folder = join(cache, name)
  const isMade = () => existsSync(join(folder, "stamp")) && readFileSync(join(folder, "stamp"), "utf8") === stamp
  if (isMade()) return folder
  const draft = `${folder}.${process.pid}.${performance.now()}`
  try {
    mkdirSync(draft, { recursive: true })
    await make(draft)
    writeFileSync(join(draft, "stamp"), stamp)
    if (!isMade()) {
      rmSync(folder, { recursive: true, force: true })
      renameSync(draft, folder)
    }
  } catch (error) {
    // Another run that was as quick has moved the same thing to this place.
    if (!isMade()) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return folder
}
