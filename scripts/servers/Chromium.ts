// Debian's Chromium, or another, for tests of pages: it must be installed.
import { orSkipped, run, type Skipped, Unavailable } from "./Cache.ts"

export interface Found {
  readonly command: string
  readonly version: string
}

/** What CHROMIUM names, or `chromium` on the PATH; or why there is none. */
export const find = (): Promise<Found | Skipped> =>
  orSkipped(async () => {
    const named = process.env["CHROMIUM"] ?? ""
    const command = named === "" ? (await run("sh", ["-c", "command -v chromium || true"])).trim() : named
    if (command === "")
      throw new Unavailable("no chromium is installed: apt-get install chromium, or name it in CHROMIUM")
    const version = /\d+(\.\d+)+/.exec(await run(command, ["--version"]))?.[0]
    if (version === undefined) throw new Unavailable(`${command} does not say its version`)
    return { command, version }
  })
