import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { globSync } from "node:fs"
import { basename, join } from "node:path"
import { root, run } from "./run.ts"

const block = /^```ts\n([\s\S]*?)^```$/gm

/** The TypeScript blocks of a page; each must stand alone, as a reader would paste it. */
export const codeBlocks = (markdown: string): ReadonlyArray<string> =>
  [...markdown.matchAll(block)].map((match) => match[1] ?? "")

/** Writes every block of README and docs to a file of its own, so that the compiler sees what readers see. */
export const extractDocs = (): number => {
  const folder = join(root, "tmp/docs")
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const pages = globSync(["README.md", "docs/**/*.md", "packages/*/README.md"], { cwd: root })
  let count = 0
  for (const page of pages) {
    const blocks = codeBlocks(readFileSync(join(root, page), "utf8"))
    const name = page.replaceAll("/", "_").replace(/\.md$/, "")
    blocks.forEach((code, i) => writeFileSync(join(folder, `${basename(name)}_${i + 1}.ts`), `${code}\nexport {}\n`))
    count += blocks.length
  }
  return count
}

/** Packages as they are published, then tests, examples, scripts and docs as they are written. */
export const types = () => {
  run("tsc", ["-b"])
  const blocks = extractDocs()
  if (blocks === 0) throw new Error("no code block was found in README.md and docs/")
  run("tsc", ["-p", "tsconfig.check.json"])
  return `${blocks} code blocks of the docs included`
}
