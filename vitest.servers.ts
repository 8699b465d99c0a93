import { defineConfig } from "vitest/config"

/** `npm run test:servers`: the tests that bring real servers, one file after the other, for each wants the whole machine. */
export default defineConfig({
  test: {
    name: "servers",
    include: ["packages/*/test/servers/**/*.server.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false
  }
})
