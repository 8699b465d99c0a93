import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { build as bundle } from "esbuild"
import { writeNotices } from "./notices.ts"
import { packages, published, root, run } from "./run.ts"
import { codeBlocks } from "./types.ts"

const tarballs = join(root, "tmp/tarballs")

/** JavaScript by tsup, declarations by tsc, then one tarball a package, as the registry would get it. */
export const pack = () => {
  for (const name of packages) rmSync(join(root, "packages", name, "dist"), { recursive: true, force: true })
  run("tsc", ["-b", "--force"])
  for (const name of packages) run("tsup", ["--silent"], join(root, "packages", name))
  writeNotices()
  rmSync(tarballs, { recursive: true, force: true })
  mkdirSync(tarballs, { recursive: true })
  for (const folder of published) run("pnpm", ["pack", "--pack-destination", tarballs], join(root, folder))
  const files = globSync("*.tgz", { cwd: tarballs })
  for (const file of files) needs(file, ["package/LICENSE", "package/README.md", "package/THIRD_PARTY_NOTICES.md"])
  return files.join(" ")
}

const needs = (tarball: string, wanted: ReadonlyArray<string>) => {
  const listed = run("tar", ["-tzf", join(tarballs, tarball)]).split("\n")
  const missing = wanted.filter((path) => !listed.includes(path))
  if (missing.length > 0) throw new Error(`${tarball} lacks ${missing.join(", ")}`)
}

/** publint and "are the types wrong" on the tarballs; a package of data has no types to be wrong. */
export const publishable = () => {
  for (const file of globSync("*.tgz", { cwd: tarballs })) {
    run("publint", [join(tarballs, file), "--strict"])
    if (!file.includes("pocket")) run("attw", [join(tarballs, file), "--profile", "esm-only"])
  }
  return "publint and attw have nothing to say"
}

const nodeOnly: ReadonlyArray<string> = ["onnx", "lab"]

/** The packages that promise to run everywhere are bundled for a browser; a `node:` import fails here. */
export const browser = async () => {
  const sizes: Array<string> = []
  for (const name of packages.filter((name) => !nodeOnly.includes(name))) {
    const result = await bundle({
      entryPoints: [join(root, "packages", name, "src/index.ts")],
      bundle: true,
      write: false,
      minify: true,
      platform: "browser",
      format: "esm"
    })
    sizes.push(`${name} ${Math.round((result.outputFiles[0]?.contents.length ?? 0) / 1024)} KiB`)
  }
  return sizes.join(", ")
}

/** A user's first minute: an empty folder, npm, our tarballs, the README's snippet. */
export const install = () => {
  const folder = mkdtempSync(join(tmpdir(), "mulligan-"))
  try {
    const dependencies = Object.fromEntries(
      globSync("*.tgz", { cwd: tarballs }).map((file) => [
        file.replace(/^mulligan-(.*)-\d+\.\d+\.\d+\.tgz$/, "@mulligan/$1"),
        `file:${join(tarballs, file)}`
      ])
    )
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ type: "module", dependencies: { ...dependencies, effect: "^4.1.0" }, overrides: dependencies })
    )
    process.env.ONNXRUNTIME_NODE_INSTALL = "skip"
    run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    const snippet = codeBlocks(readFileSync(join(root, "README.md"), "utf8"))[0]
    if (snippet === undefined) throw new Error("README.md shows no TypeScript snippet")
    writeFileSync(join(folder, "snippet.ts"), snippet)
    return run("node", ["snippet.ts"], folder).trim()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
