// npm run check [-- NAME …]: everything CI wants besides the tests, one line each; without a name, all.
import { examples } from "./checks/examples.ts"
import { browser, install, pack, publishable } from "./checks/packages.ts"
import { format, lint } from "./checks/style.ts"
import { types } from "./checks/types.ts"

const checks: Record<string, () => string | Promise<string>> = {
  types,
  lint,
  format,
  examples,
  browser,
  pack,
  publishable,
  install
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in checks))
if (unknown.length > 0) {
  console.error(`No check is called ${unknown.join(", ")}. There are: ${Object.keys(checks).join(", ")}.`)
  process.exit(2)
}

let failed = 0
const names = wanted.length > 0 ? wanted : Object.keys(checks)
for (const name of names) {
  const start = performance.now()
  try {
    const said = await checks[name]!()
    console.log(
      `ok      ${name.padEnd(12)} ${((performance.now() - start) / 1000).toFixed(1)} s  ${said.slice(0, 200)}`
    )
  } catch (error) {
    failed++
    console.log(`FAILED  ${name}\n${error instanceof Error ? error.message : String(error)}`)
  }
}
console.log(`checks: ${names.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
