import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { countTries } from "../triedCounts.ts";
import { ConvergingOverlay } from "./support/convergingOverlay.ts";
import type { Mesh } from "./support/convergingOverlay.ts";
import { expectSuccess } from "./support/outcome.ts";
import type { PulumiRun } from "./support/outcome.ts";
import { echoesLostDuring } from "./support/steadyEcho.ts";
import { UP } from "./support/testStack.ts";

const MESH: Mesh = { host01: "192.168.0.1", host02: "192.168.0.2" };

/**
 * Names and parents of resources change, the machines stay. Pulumi creates the new resource and then deletes the old
 * one, on the same machine: the delete must remove only what its own resource installed.
 */
describe("the overlay converges when", () => {
  let overlay: ConvergingOverlay;
  beforeAll(async () => {
    overlay = await ConvergingOverlay.boot("test-renames", REFERENCE_HOSTS);
  });
  beforeEach(() => overlay.prepare());
  afterAll(() => overlay.stack.remove());

  /** Returns an `up` with other host names: `{ db02: "host02" }` names machine host02 db02. */
  const upWithNames =
    (machines: Record<string, string>, change: (hosts: any) => void = () => undefined): PulumiRun =>
    () =>
      overlay.stack.up(
        overlay.stack.config((e) => {
          e.hosts = Object.fromEntries(
            Object.entries(machines).map(([name, machine]) => [name, e.hosts[machine]]),
          );
          change(e.hosts);
        }),
      );

  test("a host is renamed", async () => {
    await overlay.expectConvergence(MESH, upWithNames({ host01: "host01", db02: "host02" }));
  });

  test("a host is renamed and gets another overlay address", async () => {
    const up = upWithNames(
      { host01: "host01", web02: "host02" },
      ({ web02 }) => (web02.overlayAddresses = ["192.168.0.22"]),
    );
    await overlay.expectConvergence({ ...MESH, host02: "192.168.0.22" }, up);
  });

  test("all hosts are renamed", async () => {
    await overlay.expectConvergence(MESH, upWithNames({ blue: "host01", green: "host02" }));
  });

  test("two hosts swap their names", async () => {
    await overlay.expectConvergence(MESH, upWithNames({ blue: "host02", green: "host01" }));
  });

  /** Returns an `up` with another program, of these components: `ComponentArgs` in `programs/overlay/`. */
  const upWithComponents =
    (...components: object[]): PulumiRun =>
    () =>
      overlay.stack.pulumi(UP, overlay.stack.config(), {
        variables: { OVERLAY_COMPONENTS: JSON.stringify(components) },
        program: "test/lifecycle/programs/overlay/index.ts",
      });

  test("a VxlanOverlay replaces the OverlayEnvironment, and its hosts get other names", async () => {
    await overlay.expectConvergence(MESH, upWithComponents({ component: "VxlanOverlay", name: "overlay" }));
  });

  test("an OverlayEnvironment replaces the VxlanOverlay", async () => {
    await overlay.expectConvergence(
      MESH,
      upWithComponents({ component: "OverlayEnvironment", name: "overlay" }),
    );
  });

  test("the component gets another parent", async () => {
    await overlay.expectConvergence(
      MESH,
      upWithComponents({ component: "OverlayEnvironment", name: "overlay", parent: "site" }),
    );
  });

  test("the program gets a second overlay and loses the first, and the second one loses no echo meanwhile", async ({
    task,
  }) => {
    countTries("changes", 2)({ task });
    const secondOverlay = { component: "VxlanOverlay", name: "second", isSecond: true };
    const first = { component: "OverlayEnvironment", name: "overlay", parent: "site" };
    expectSuccess(await upWithComponents(first, secondOverlay)());
    expect(await overlay.stack.failingPairs()).toEqual([]);
    const withoutFirst = async () => {
      expectSuccess(await upWithComponents(secondOverlay)());
      expect(await overlay.stack.on("host01", "ip -o link show type vxlan")).not.toContain("vxlan0");
    };
    expect(await echoesLostDuring(overlay.stack, "host01", "192.168.7.2", withoutFirst, 0.01)).toBe(0);
    await overlay.expectConvergence(MESH, () => overlay.stack.up());
  });

  const REFUSAL = /on host0[12] belongs to oci-vxlan\/lab\/overlay/;

  test("the component is renamed, and gets its old name back", async () => {
    const otherName = upWithComponents({ component: "OverlayEnvironment", name: "mesh" });
    await overlay.expectSuccessOrRefusal(MESH, otherName, REFUSAL);
    await overlay.expectConvergence(MESH, () => overlay.stack.up());
  });

  test("the stack is renamed, and gets its old name back", async () => {
    await overlay.stack.rename("lab-existing");
    await overlay.expectSuccessOrRefusal(MESH, () => overlay.stack.up(), REFUSAL);
    await overlay.stack.rename("lab");
    await overlay.expectConvergence(MESH, () => overlay.stack.up());
  });

  test("the project is renamed, and gets its old name back", async ({ task }) => {
    countTries("changes", 2)({ task });
    await overlay.stack.copyTo("mesh");
    const otherName: PulumiRun = () => overlay.stack.pulumi(UP, overlay.stack.config(), { project: "mesh" });
    await overlay.expectSuccessOrRefusal(MESH, otherName, REFUSAL);
    await overlay.expectConvergence(MESH, () => overlay.stack.up());
  });

  test("it is destroyed, and nothing is left on the hosts", () => overlay.expectCleanDestroy());
});
