import { defineConfig } from "vitest/config";

/**
 * Four projects, from fast to real, one after the other; each has tests of the product and of the lab. Two files of a
 * project run at a time: each has labs or namespaces of its own, and most of a lifecycle test is waiting for hosts.
 */
const project = (name: string, groupOrder: number, timeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`, `lab/test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    sequence: { groupOrder },
    maxWorkers: 2,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", 0, 20_000),
      project("component", 1, 20_000),
      project("host", 2, 60_000),
      project("lifecycle", 3, 300_000),
    ],
    globalSetup: "test/machineState.ts",
    reporters: ["default", "./test/plainSummary.ts"],
  },
});
