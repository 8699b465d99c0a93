import type { Plugin } from "esbuild"
import { defineConfig } from "tsup"

/** Keeps one file per module, so that `export * as X` stays tree-shakable and stack traces name our files. */
const oneFilePerModule: Plugin = {
  name: "one-file-per-module",
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, (args) =>
      args.kind === "entry-point" ? undefined : { path: args.path.replace(/\.ts$/, ".js"), external: true }
    )
  }
}

export default defineConfig({
  entry: ["src/**/*.ts"],
  format: "esm",
  target: "es2022",
  platform: "neutral",
  dts: false,
  sourcemap: true,
  splitting: false,
  esbuildPlugins: [oneFilePerModule]
})
