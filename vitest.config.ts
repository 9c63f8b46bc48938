import { defineConfig } from "vitest/config";

/**
 * Four projects, from fast to real. The last two boot hosts and change namespaces, so their files run one
 * after the other; the first two share nothing and run side by side.
 */
const project = (name: string, timeout: number, serial: boolean) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    fileParallelism: !serial,
  },
});

export default defineConfig({
  test: {
    projects: [
      project("unit", 20_000, false),
      project("component", 20_000, false),
      project("host", 60_000, true),
      project("lifecycle", 300_000, true),
    ],
  },
});
