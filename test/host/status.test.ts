import { describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import {
  STATUS_COMMAND,
  parseHostStatus,
  statusInput,
} from "../../components/vxlan/connectivityTest/hostStatus.ts";
import type { HostStatus } from "../../components/vxlan/connectivityTest/hostStatus.ts";
import { parseProbeReport, probeInput } from "../../components/vxlan/connectivityTest/probe.ts";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import type { Peer } from "../../components/vxlan/plan.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import {
  HOST,
  OTHER,
  OVERLAY,
  PEER,
  RESOURCE,
  files,
  host,
  install,
  kernel,
  reconcile,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

/** The question of `npm run status`. */
const question = (installation: string, peers: Peer[] = [PEER], generation = 0) =>
  statusInput({
    overlay: OVERLAY,
    device: "vxlan0",
    installation,
    deviceSettings: settingsOf({ generation }),
    peersSettings: peersSettings(RESOURCE, { installation, mtu: 8950, peers }),
  });

/** Asks the host as `npm run status` does. */
async function askHostStatus(...args: Parameters<typeof question>): Promise<HostStatus> {
  const input = question(...args);
  const { exitCode, stdout, stderr } = await host.runSent({ command: STATUS_COMMAND, input });
  expect([exitCode, stderr]).toEqual([0, ""]);
  return parseHostStatus(OVERLAY, stdout);
}

describe("a host says how its overlay is", () => {
  test("where it is in sync, and changes nothing", async () => {
    const { installation, mac } = await install();
    await host.on("systemctl start oci-vxlan@lab.overlay.service");
    const before = [await kernel(), await files()];
    expect(await askHostStatus(installation)).toMatchObject({
      time: expect.stringMatching(/^20\d\d-/),
      bootedAt: "2026-11-26T08:00:00.000Z",
      version: expect.any(Number),
      release: packageJson.version,
      unit: { name: "oci-vxlan@lab.overlay.service", active: "active", enabled: "enabled" },
      differences: [],
      isUnconfirmed: false,
      device: {
        state: "up",
        mtu: 8950,
        mac,
        vni: 100,
        port: 4789,
        underlayAddress: HOST.underlayAddress,
        addresses: HOST.overlayAddresses,
      },
      warnings: [],
    });
    expect([await kernel(), await files()]).toEqual(before);
  });

  test("and probes its peers by the same command", async () => {
    const { installation } = await install();
    // Its own address answers where no peer runs.
    const peers = [
      { ...HOST, name: "itself", sshPort: 22 },
      { ...PEER, sshPort: 22 },
    ];
    const effort = { tries: "one", echoes: 2, tcpPeers: [] } as const;
    const input = question(installation) + probeInput(withDefaults({}), peers, 8950, effort);
    const { exitCode, stdout } = await host.runSent({ command: STATUS_COMMAND, input });
    expect(exitCode).toBe(0);
    expect(parseHostStatus(OVERLAY, stdout)).toMatchObject({ differences: [], device: { state: "up" } });
    const { failures, echoes } = parseProbeReport({ ...HOST, name: "itself", sshPort: 22 }, peers, stdout);
    expect(failures.map(({ to }) => to)).toEqual([PEER.name]);
    expect(echoes).toEqual([expect.objectContaining({ to: "itself", sent: 2, received: 2 })]);
  });

  test("which release and version of the program it has, to every user", async () => {
    await install();
    const version = await host.on(
      "setpriv --reuid nobody --clear-groups /usr/local/sbin/oci-vxlan --version",
    );
    expect(version).toMatch(/^oci-vxlan (\S+), version \d+ of the program$/);
    expect(version).toContain(` ${packageJson.version},`);
  });

  test("where settings differ", async () => {
    const { installation } = await install();
    expect((await askHostStatus("01234567-89ab-4cde-8f01-23456789abcd")).differences).toEqual([
      "installation",
      "peers",
    ]);
    expect((await askHostStatus(installation, [OTHER])).differences).toEqual(["peers"]);
    expect((await askHostStatus(installation, [PEER], 1)).differences).toEqual(["device"]);
    await host.on("rm -r /etc/oci-vxlan/lab.overlay /usr/local/sbin/oci-vxlan");
    const { differences, version } = await askHostStatus(installation);
    expect([differences, version]).toEqual([["program", "device", "peers"], undefined]);
  });

  test("where the device is down or gone, and repairs nothing", async () => {
    const { installation } = await install();
    await host.on("ip link set vxlan0 down mtu 1450; systemctl stop oci-vxlan@lab.overlay.service");
    const { device, unit } = await askHostStatus(installation);
    expect(device).toMatchObject({ state: "down", mtu: 1450 });
    expect(unit.active).toBe("inactive");
    await host.on("ip link del vxlan0");
    expect((await askHostStatus(installation)).device).toBeUndefined();
  });

  test("and what it warns about", async () => {
    const { installation } = await install();
    await host.on("ip link set eth0 mtu 1500");
    await reconcile();
    expect((await askHostStatus(installation)).warnings).toEqual([
      expect.stringMatching(/^eth0 carries 1500 bytes/),
    ]);
  });
});
