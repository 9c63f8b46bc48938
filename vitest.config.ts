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
 * Five projects, from fast to real; each holds tests of the product, the lab and the benches. The two fast ones run first,
 * and then the three real ones together, each file with labs, namespaces or servers of its own. They wait much, so that
 * it takes five files at a time to keep two cores busy. Files of one worker share the modules that they import, since
 * Pulumi's SDK takes a second to load.
 */
const FAST = { sequence: { groupOrder: 0 }, maxWorkers: 2 };
const REAL = { sequence: { groupOrder: 1 }, maxWorkers: 5 };

const project = (
  name: string,
  timeout: number,
  options: TestProjectInlineConfiguration["test"],
): TestProjectInlineConfiguration => ({
  test: {
    name,
    include: ["", "lab/", "bench/"].map((folder) => `${folder}test/${name}/**/*.test.ts`),
    testTimeout: timeout,
    hookTimeout: timeout,
    isolate: false,
    ...options,
  },
});

/**
 * In a fresh checkout the largest files start first, since they mostly take longest. These are small and take long: as the
 * last ones they would run alone.
 */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) =>
      /(changesOf\w+|debian\d+|scale|probeCost)\.test\.ts$/.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }

  /** Deals the files out in turn, so that each machine of several has its share of the long ones. */
  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { index, count } = this.ctx.config.shard ?? { index: 1, count: 1 };
    const sorted = await this.sort(files);
    return sorted.filter((_, position) => position % count === index - 1);
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      project("unit", 20_000, FAST),
      project("component", 20_000, FAST),
      project("integration", 20_000, REAL),
      project("host", 60_000, { ...REAL, retry: RETRIES }),
      project("lifecycle", 300_000, { ...REAL, retry: RETRIES }),
    ],
    globalSetup: "test/machineState.ts",
    reporters: ["default", "./test/plainSummary.ts"],
  },
});
