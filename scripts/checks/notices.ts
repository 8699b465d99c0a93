import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { published, root } from "./run.ts"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly repository?: string | { readonly url?: string }
  readonly dependencies?: Record<string, string>
  readonly peerDependencies?: Record<string, string>
}

const read = (folder: string): Manifest => JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"))

const line = (self: Manifest): string => {
  const url = typeof self.repository === "string" ? self.repository : (self.repository?.url ?? "")
  return `- ${self.name} ${self.version}: ${self.license ?? "see its package"} (${url.replace(/^git\+/, "").replace(/\.git$/, "")})`
}

/** What each package asks npm to install beside it, with its licence. Nothing of it is inside our tarballs. */
export const notices = (folder: string): string => {
  const self = read(folder)
  const names = Object.keys({ ...self.dependencies, ...self.peerDependencies }).filter(
    (name) => !name.startsWith("@mulligan/")
  )
  const lines = names.map((name) => line(read(join(folder, "node_modules", name))))
  const body = lines.length === 0 ? "None: this package depends on nobody else's code." : lines.join("\n")
  return `# Third-party notices of ${self.name}\n\nInstalled beside this package, under their own licences; none of it is copied into it.\n\n${body}\n`
}

export const writeNotices = () => {
  for (const folder of published) writeFileSync(join(root, folder, "THIRD_PARTY_NOTICES.md"), notices(folder))
}
