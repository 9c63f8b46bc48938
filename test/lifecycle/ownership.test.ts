import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { MEMO } from "../../lab/cli/existingHosts.ts";
import { LastingOverlay, UP } from "./lastingOverlay.ts";
import type { Mesh, Run } from "./lastingOverlay.ts";

const MESH: Mesh = { host01: "192.168.0.1", host02: "192.168.0.2" };

/**
 * Names and places of resources change, the machines do not. Pulumi then creates the new resource and deletes the old
 * one behind it, on the same machine: the delete takes only what its own resource put there.
 */
describe("the overlay stays when", () => {
  let overlay: LastingOverlay;
  beforeAll(async () => {
    overlay = await LastingOverlay.boot("test-ownership", MEMO);
  });
  beforeEach(() => overlay.ready());
  afterAll(() => overlay.env.remove());

  /** `up` with other names in the config, each for the machine that has the second one in the plain config. */
  const names =
    (machines: Record<string, string>, change: (hosts: any) => void = () => undefined): Run =>
    () =>
      overlay.env.up(
        overlay.env.config((e) => {
          e.hosts = Object.fromEntries(
            Object.entries(machines).map(([name, machine]) => [name, e.hosts[machine]]),
          );
          change(e.hosts);
        }),
      );

  test("a host is renamed", async () => {
    await overlay.settles(MESH, names({ host01: "host01", db02: "host02" }));
  });

  test("a host is renamed and gets another overlay address", async () => {
    const up = names(
      { host01: "host01", web02: "host02" },
      ({ web02 }) => (web02.overlayAddresses = ["192.168.0.22"]),
    );
    await overlay.settles({ ...MESH, host02: "192.168.0.22" }, up);
  });

  test("all hosts are renamed", async () => {
    await overlay.settles(MESH, names({ left: "host01", right: "host02" }));
  });

  test("two hosts swap their names", async () => {
    await overlay.settles(MESH, names({ left: "host02", right: "host01" }));
  });

  /** `up` with the overlay as another component. */
  const component =
    (shape: { component: "OverlayEnvironment" | "VxlanOverlay"; name: string; parent?: string }): Run =>
    () =>
      overlay.env.pulumi(
        UP,
        overlay.env.config(),
        { SHAPE: JSON.stringify(shape) },
        "test/lifecycle/programs/overlay/index.ts",
      );

  test("a VxlanOverlay takes the place of an OverlayEnvironment, and its hosts get other names", async () => {
    await overlay.settles(MESH, component({ component: "VxlanOverlay", name: "overlay" }));
  });

  test("an OverlayEnvironment takes the place of a VxlanOverlay", async () => {
    await overlay.settles(MESH, component({ component: "OverlayEnvironment", name: "overlay" }));
  });

  test("it gets another parent", async () => {
    await overlay.settles(
      MESH,
      component({ component: "OverlayEnvironment", name: "overlay", parent: "site" }),
    );
  });

  const REFUSAL = /on host0[12] belongs to oci-vxlan\/lab\/overlay/;

  test("the component is renamed, and its name taken back", async () => {
    const mesh = component({ component: "OverlayEnvironment", name: "mesh" });
    await overlay.keepsPassing(MESH, mesh, REFUSAL);
    await overlay.settles(MESH, () => overlay.env.up());
  });

  test("the stack is renamed, and its name taken back", async () => {
    await overlay.env.renameStack("lab-existing");
    await overlay.keepsPassing(MESH, () => overlay.env.up(), REFUSAL);
    await overlay.env.renameStack("lab");
    await overlay.settles(MESH, () => overlay.env.up());
  });

  test("and destroy leaves nothing after all of that", () => overlay.expectDestroy());
});
