import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { ConvergingOverlay } from "./support/convergingOverlay.ts";
import type { Mesh } from "./support/convergingOverlay.ts";
import { expectSuccess } from "./support/outcome.ts";
import type { PulumiRun } from "./support/outcome.ts";
import { UP } from "./support/testStack.ts";

const MESH: Mesh = { host01: "192.168.0.1", host02: "192.168.0.2" };

/** A phase is replaced under its old URN, so its delete has to run before its create. */
describe("the overlay converges when", () => {
  let overlay: ConvergingOverlay;
  beforeAll(async () => {
    overlay = await ConvergingOverlay.boot("test-replacement", REFERENCE_HOSTS);
  });
  beforeEach(() => overlay.prepare());
  afterAll(() => overlay.stack.remove());

  const up: PulumiRun = () => overlay.stack.up();
  const replace =
    (...urns: string[]): PulumiRun =>
    () =>
      overlay.stack.pulumi([...UP, ...urns.flatMap((urn) => ["--replace", urn])]);

  test.each([
    ["a device phase is", ["**overlay-host02-device"]],
    ["a peers phase is", ["**overlay-host02-peers"]],
    ["all phases of a host are", ["**overlay-host02-**"]],
    ["all phases of all hosts are", ["**-device", "**-peers"]],
  ])("%s replaced", async (_, urns) => {
    await overlay.expectConvergence(MESH, up, replace(...urns));
  });

  test("a device phase alone is replaced, at the latest after the next up", async () => {
    const { exitCode } = await overlay.stack.pulumi([...UP, "--target-replace", "**overlay-host02-device"]);
    // The run does not touch the peers phases. If their entries do not match the new device, it has to fail.
    if (exitCode === 0) await overlay.expectMesh(MESH);
    await overlay.expectConvergence(MESH, up);
  });

  /**
   * Gives state and hosts the form of earlier versions: no file and no delete contains a digest of its resource, and
   * each host has a Command "verify", which probes its peers.
   */
  const downgrade = async () => {
    for (const machine of Object.keys(MESH))
      await overlay.stack.on(machine, "sed -i '/^resource /d' /etc/oci-vxlan/lab.overlay/*");
    await overlay.stack.editState((resources) => {
      const commands = resources.filter(({ type }) => type === "command:remote:Command");
      const phases = commands.filter(({ urn }) => /-(device|peers)$/.test(urn));
      for (const { inputs, outputs } of phases) [inputs, outputs].forEach(downgradeValues);
      const verifyUrn = ({ urn }: any) => urn.replace(/-peers$/, "-verify");
      const peersWithoutVerify = phases.filter(
        (phase) => phase.urn.endsWith("-peers") && !commands.some(({ urn }) => urn === verifyUrn(phase)),
      );
      const verifyCommands = peersWithoutVerify.map((peers) => ({
        ...peers,
        urn: verifyUrn(peers),
        inputs: { ...peers.inputs, delete: undefined },
        outputs: { ...peers.outputs, delete: undefined },
        dependencies: phases.map(({ urn }) => urn),
        propertyDependencies: {},
      }));
      return [...resources, ...verifyCommands];
    });
  };
  const downgradeValues = (values: any) => {
    delete values.triggers;
    values.stdin = values.stdin.replace(/^resource [0-9a-f]+\n/m, "");
    values.delete = values.delete.replace(/(remove-(device|peers) \S+ \S+) [^#]*#/, "$1 #");
  };

  const withHostRenamed = () =>
    overlay.stack.config((e) => {
      e.hosts.db02 = e.hosts.host02;
      delete e.hosts.host02;
    });
  const upWithHostRenamed: PulumiRun = () => overlay.stack.up(withHostRenamed());

  test("a version is upgraded whose files and deletes name no resource", async () => {
    await downgrade();
    await overlay.expectConvergence(MESH, up);
  });

  test("the upgrade renames a host", async () => {
    await downgrade();
    await overlay.expectConvergence(MESH, upWithHostRenamed);
  });

  test("the upgrade replaces a device phase", async () => {
    await downgrade();
    const replaceDevice = () =>
      overlay.stack.pulumi([...UP, "--replace", "**overlay-db02-device"], withHostRenamed());
    await overlay.expectConvergence(MESH, upWithHostRenamed, replaceDevice);
  });

  test("it is destroyed by the deletes of such a version, and again after a new up: nothing is left", async () => {
    await downgrade();
    await overlay.expectCleanDestroy();
    expectSuccess(await overlay.stack.up());
    await overlay.expectCleanDestroy();
  });
});
