// Packages of Debian's unstable suite, unpacked into a folder and run from there: nothing is installed.
import { existsSync, globSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { run, sha256, Unavailable } from "./Cache.ts"

export interface Pin {
  readonly name: string
  readonly version: string
  readonly sha256: string
}

const SUITE = "sid"
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

/** The mirror that the machine's own apt uses, so that no host stands here. */
const mirror = async (): Promise<string> => {
  const named = process.env["DEBIAN_MIRROR"]
  if (named !== undefined && named !== "") return named
  const found = (await run("apt-get", ["indextargets", "--format", "$(REPO_URI)"])).match(/^\S+\/debian\/?$/m)?.[0]
  if (found === undefined) throw new Unavailable("apt knows no Debian mirror; name one in DEBIAN_MIRROR")
  return found
}

/** Options that give apt a state of its own in `folder`, which knows the unstable suite and no installed package. */
const privateState = async (folder: string): Promise<ReadonlyArray<string>> => {
  if (!existsSync(keyring)) throw new Unavailable("the Debian archive's keyring is not installed")
  for (const name of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, "status"), "")
  writeFileSync(join(folder, "sources"), `deb [arch=amd64 signed-by=${keyring}] ${await mirror()} ${SUITE} main\n`)
  const options = {
    "Dir::State": folder,
    "Dir::State::status": join(folder, "status"),
    "Dir::Cache": join(folder, "cache"),
    "Dir::Etc::SourceList": join(folder, "sources"),
    "Dir::Etc::SourceParts": "/dev/null",
    "APT::Architecture": "amd64",
    // Packages alone are read: no translations, no component metadata.
    "Acquire::Languages": "none",
    "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    "Acquire::http::Timeout": "20",
    // As root, apt would fetch as a user who may not write to a checkout.
    "APT::Sandbox::User": "root"
  }
  return Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])
}

/** What the signed index says of a package: the pinned version, or the newest one where that is gone. */
const offered = (pin: Pin, index: string): Pin => {
  const all = index.split(/\n\n+/).flatMap((entry): ReadonlyArray<Pin> => {
    const field = (name: string) => entry.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1] ?? ""
    return field("Package") === pin.name ? [{ name: pin.name, version: field("Version"), sha256: field("SHA256") }] : []
  })
  const found = all.find(({ version }) => version === pin.version) ?? all[0]
  if (found === undefined) throw new Unavailable(`Debian ${SUITE} has no package ${pin.name}`)
  if (found.version === pin.version && found.sha256 !== pin.sha256) {
    throw new Unavailable(`the checksum of ${pin.name} ${pin.version} is not the pinned one`)
  }
  return found
}

/** Unpacks the packages into `root` and says which versions are not the pinned ones, for the suite moves on. */
export const unpack = async (pins: ReadonlyArray<Pin>, root: string, scratch: string): Promise<string> => {
  const state = await privateState(scratch)
  const downloads = join(scratch, "debs")
  for (const folder of [downloads, root]) mkdirSync(folder, { recursive: true })
  await run("apt-get", [...state, "--error-on=any", "--quiet", "update"])
  const index = await run("apt-cache", [...state, "show", ...pins.map(({ name }) => name)])
  const chosen = pins.map((pin) => offered(pin, index))
  const wanted = chosen.map(({ name, version }) => `${name}=${version}`)
  await run("apt-get", [...state, "--quiet", "download", ...wanted], { cwd: downloads })
  for (const { name, sha256: expected } of chosen) {
    const [file = ""] = globSync(`${name}_*.deb`, { cwd: downloads })
    const path = join(downloads, file)
    if (file === "" || sha256(path) !== expected) throw new Unavailable(`the checksum of ${name} does not match`)
    await run("dpkg", ["-x", path, root])
  }
  return chosen
    .flatMap(({ name, version }, i) =>
      version === pins[i]!.version ? [] : [`${name} is ${version} instead of ${pins[i]!.version}`]
    )
    .join(", ")
}
