import { defineConfig } from "vitest/config";
import type { TestProjectInlineConfiguration } from "vitest/config";
import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

/**
 * A test of real hosts gets a second attempt in CI, whose machines are shared: some tests measure seconds. The summary
 * names each test that needed it.
 */
const RETRIES = process.env["CI"] === undefined ? 0 : 1;

/**
 * Five projects, from fast to real, one after the other; each holds tests of the product, the lab and the benches. The
 * files of one project run at the same time, two to five of them: each has labs or namespaces of its own. More than two
 * keep two cores busy where files wait much, as those of hosts do.
 */
const project = (
  name: string,
  groupOrder: number,
  timeout: number,
  options: TestProjectInlineConfiguration["test"] = {},
) => ({
  test: {
    name,
    include: ["", "lab/", "bench/"].map((folder) => `${folder}test/${name}/**/*.test.ts`),
    testTimeout: timeout,
    hookTimeout: timeout,
    sequence: { groupOrder },
    maxWorkers: 2,
    ...options,
  },
});

/** Files of one worker share the modules that they import, since Pulumi's SDK takes a second to load. */
const SHARED_MODULES = { isolate: false };

/**
 * In a fresh checkout the largest files start first, since they mostly take longest. These are small and take long: as the
 * last ones they would run alone.
 */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) =>
      /(changesOf\w+|scale|probeCost)\.test\.ts$/.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      project("unit", 0, 20_000, SHARED_MODULES),
      project("component", 1, 20_000, SHARED_MODULES),
      project("integration", 2, 20_000, { ...SHARED_MODULES, maxWorkers: 4 }),
      project("host", 3, 60_000, { retry: RETRIES, maxWorkers: 5 }),
      project("lifecycle", 4, 300_000, { retry: RETRIES, maxWorkers: 4 }),
    ],
    globalSetup: "test/machineState.ts",
    reporters: ["default", "./test/plainSummary.ts"],
  },
});
