import { defineConfig } from "vitest/config";

/**
 * Four projects, from fast to real. The last two make namespaces and boot hosts, so all files run one after the
 * other: on two cores side by side they would only measure each other.
 */
const project = (name: string, timeout: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout: timeout, hookTimeout: timeout },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", 20_000),
      project("component", 20_000),
      project("host", 60_000),
      project("lifecycle", 300_000),
    ],
    fileParallelism: false,
    globalSetup: "test/machine.ts",
    reporters: ["default", "./test/plainSummary.ts"],
  },
});
