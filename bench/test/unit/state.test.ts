import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { countState } from "../../state/deployment.ts";
import type { StateFigures } from "../../state/deployment.ts";

test("a state's own resources and all its dependencies are counted", () => {
  const figures = countState([
    { urn: "a", type: "pulumi:pulumi:Stack" },
    {
      urn: "b",
      type: "command:remote:Command",
      dependencies: ["x"],
      propertyDependencies: { create: ["x", "y"] },
    },
  ]);
  expect(figures).toMatchObject({ resources: 1, dependencies: 1, propertyDependencies: 2 });
  expect(figures.bytes).toBeGreaterThan(100);
});

test("the bytes of a state are those that Pulumi's backend for files writes", () => {
  const file = (resources: object[]) =>
    JSON.stringify({ version: 3, checkpoint: { latest: { resources } } }, undefined, 4);
  const resources = [
    { urn: "a", type: "pulumi:pulumi:Stack" },
    { urn: "ü", type: "t", dependencies: ["x", "y"], propertyDependencies: { create: [] } },
  ];
  expect(countState(resources).bytes).toBe(Buffer.byteLength(file(resources)));
  expect(countState([]).bytes).toBe(Buffer.byteLength(file([])));
});

test("the stack's own program for two existing hosts is counted from mocks", { timeout: 120_000 }, () => {
  const program = new URL("../../state/program.ts", import.meta.url).pathname;
  const output = execFileSync(process.execPath, [program, "2", "existing"], { encoding: "utf8" });
  const figures = JSON.parse(output) as StateFigures;
  // Two components, and at least one phase a host.
  expect(figures.resources).toBeGreaterThanOrEqual(4);
  expect(figures.dependencies).toBeGreaterThan(0);
  expect(figures.bytes).toBeGreaterThan(2_000);
});
