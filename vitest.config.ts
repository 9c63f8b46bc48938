import { defineConfig } from "vitest/config";

/**
 * Four projects, from fast to real, one after the other; each holds tests of the product, the lab and the benches. The
 * files of one project run two at a time: each has labs or namespaces of its own, and most of a lifecycle test is
 * waiting for hosts.
 */
const project = (name: string, groupOrder: number, timeout: number) => ({
  test: {
    name,
    include: ["", "lab/", "bench/"].map((folder) => `${folder}test/${name}/**/*.test.ts`),
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
