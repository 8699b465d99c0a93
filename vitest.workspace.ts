import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    projects: [
      { test: { name: "packages", include: ["packages/*/test/**/*.test.ts"], testTimeout: 60_000 } },
      {
        test: {
          name: "scripts",
          include: ["scripts/test/**/*.test.ts", "benchmarks/**/*.test.ts"],
          testTimeout: 60_000
        }
      }
    ]
  }
})
