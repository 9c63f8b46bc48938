import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MEMO } from "../../lab/cli/existingHosts.ts";
import { LastingOverlay, UP } from "./lastingOverlay.ts";
import type { Mesh, Run } from "./lastingOverlay.ts";

const MESH: Mesh = { host01: "192.168.0.1", host02: "192.168.0.2" };

/** A replaced phase has the same name before and after, so its delete has to run before its create. */
describe("the overlay is there after", () => {
  let overlay: LastingOverlay;
  beforeAll(async () => {
    overlay = await LastingOverlay.boot("test-replacement", MEMO);
  });
  beforeEach(() => overlay.ready());
  afterAll(() => overlay.env.remove());

  const up: Run = () => overlay.env.up();
  const replace =
    (...urns: string[]): Run =>
    () =>
      overlay.env.pulumi([...UP, ...urns.flatMap((urn) => ["--replace", urn])]);

  test.each([
    ["a device phase", ["**overlay-host02-device"]],
    ["a peers phase", ["**overlay-host02-peers"]],
    ["all phases of a host", ["**overlay-host02-**"]],
    ["all phases of all hosts", ["**-device", "**-peers"]],
  ])("a replacement of %s", async (_, urns) => {
    await overlay.settles(MESH, up, replace(...urns));
  });

  test("a replacement of a device phase alone, at the latest after the next up", async () => {
    const { exitCode } = await overlay.env.pulumi([...UP, "--target-replace", "**overlay-host02-device"]);
    // The peers phases are no targets. Where they do not fit any more, this run has to say so.
    if (exitCode === 0) await overlay.expectMesh(MESH);
    await overlay.settles(MESH, up);
  });

  /**
   * Makes state and hosts what earlier versions left: no file and no delete names its resource, and each host has a
   * resource that probes its peers.
   */
  const downgrade = async () => {
    for (const machine of Object.keys(MESH))
      await overlay.env.on(machine, "sed -i '/^resource /d' /etc/oci-vxlan/lab.overlay/*");
    await overlay.env.changeState((resources) => {
      const commands = resources.filter(({ type }) => type === "command:remote:Command");
      const phases = commands.filter(({ urn }) => /-(device|peers)$/.test(urn));
      for (const { inputs, outputs } of phases) [inputs, outputs].forEach(downgradeValues);
      const verifyUrn = ({ urn }: any) => urn.replace(/-peers$/, "-verify");
      const peersWithoutVerify = phases.filter(
        (phase) => phase.urn.endsWith("-peers") && !commands.some(({ urn }) => urn === verifyUrn(phase)),
      );
      const verify = peersWithoutVerify.map((peers) => ({
        ...peers,
        urn: verifyUrn(peers),
        inputs: { ...peers.inputs, delete: undefined },
        outputs: { ...peers.outputs, delete: undefined },
        dependencies: phases.map(({ urn }) => urn),
        propertyDependencies: {},
      }));
      return [...resources, ...verify];
    });
  };
  const downgradeValues = (values: any) => {
    delete values.triggers;
    values.stdin = values.stdin.replace(/^resource [0-9a-f]+\n/m, "");
    values.delete = values.delete.replace(/(remove-(device|peers) \S+ \S+) [^#]*#/, "$1 #");
  };

  test("an upgrade from a version whose files and deletes name no resource", async () => {
    await downgrade();
    await overlay.settles(MESH, up);
  });

  test("such an upgrade that renames a host", async () => {
    await downgrade();
    const config = overlay.env.config((e) => {
      e.hosts.db02 = e.hosts.host02;
      delete e.hosts.host02;
    });
    await overlay.settles(MESH, () => overlay.env.up(config));
  });

  test("such an upgrade that replaces a device phase", async () => {
    await downgrade();
    const config = overlay.env.config((e) => {
      e.hosts.db02 = e.hosts.host02;
      delete e.hosts.host02;
    });
    const replaceDevice = () => overlay.env.pulumi([...UP, "--replace", "**overlay-db02-device"], config);
    await overlay.settles(MESH, () => overlay.env.up(config), replaceDevice);
  });

  test("a new up; and destroy leaves nothing, by the deletes of such a version too", async () => {
    await downgrade();
    await overlay.expectDestroy();
    expect((await overlay.env.up()).exitCode).toBe(0);
    await overlay.expectDestroy();
  });
});
