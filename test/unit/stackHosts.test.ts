import { describe, expect, test } from "vitest";
import { devicePhase } from "../../components/vxlan/phases/device.ts";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { overlaysIn } from "../../status/stackHosts.ts";
import type { StackResource } from "../../status/stackState.ts";

const IDENTITY = { overlay: "prod.overlay", owner: "oci-vxlan/prod/overlay" };
const CIDRS = ["192.168.0.0/24", "fd00::/64"];
const INSTALLATION = "01234567-89ab-4cde-8f01-23456789abcd";
const OVERLAY_URN = "urn:pulumi:prod::oci-vxlan::oci-vxlan:index:VxlanOverlay::overlay";

const command = (name: string, inputs: object, outputs: object = {}): StackResource => ({
  urn: `urn:pulumi:prod::oci-vxlan::oci-vxlan:index:VxlanOverlay$command:remote:Command::${name}`,
  type: "command:remote:Command",
  parent: OVERLAY_URN,
  inputs: { ...inputs },
  outputs: { ...outputs },
});

/** The resources of a host, as its phases are in the state. */
function hostResources(host: string, number: number): StackResource[] {
  const { create, stdin } = devicePhase(
    IDENTITY,
    "0123456789abcdef",
    withDefaults({ cidrs: CIDRS, vni: 77, overlayIngress: "none" }),
    { underlayAddress: `10.0.0.${number}`, overlayAddresses: [`192.168.0.${number}`, `fd00::${number}`] },
    { generation: 0 },
  );
  const connection = {
    host: `203.0.113.${number}`,
    port: 2200 + number,
    user: "opc",
    hostKey: "ssh-ed25519 AAAA",
  };
  const stdout = `oci-vxlan device mac=42:00:00:00:00:0${number} mtu=9000 installation=${INSTALLATION}`;
  const peers = peersSettings("0123456789abcdef", { installation: INSTALLATION, mtu: 8950, peers: [] });
  return [
    command(`overlay-${host}-device`, { connection, create, stdin }, { stdout }),
    command(`overlay-${host}-peers`, { connection, create, stdin: peers }),
  ];
}

const overlay = (outputs: Record<string, unknown> = {}): StackResource => ({
  urn: OVERLAY_URN,
  type: "oci-vxlan:index:VxlanOverlay",
  inputs: {},
  outputs,
});

describe("the hosts of a stack, from its state", () => {
  const resources = [...hostResources("host02", 2), ...hostResources("host-device", 1)];
  const [read] = overlaysIn([overlay(), ...resources]);

  test("are those of the phases, sorted by name", () => {
    expect(read?.hosts.map(({ name }) => name)).toEqual(["host-device", "host02"]);
    expect(read?.hosts[1]).toMatchObject({
      sshPort: 2202,
      connection: { host: "203.0.113.2", hostKey: "ssh-ed25519 AAAA" },
      underlayAddress: "10.0.0.2",
      overlayAddresses: ["192.168.0.2", "fd00::2"],
      report: { mac: "42:00:00:00:00:02", installation: INSTALLATION },
    });
  });

  test("have the settings that the hosts have, though no up has succeeded yet", () => {
    expect(read).toMatchObject({
      identity: IDENTITY,
      mtu: 8950,
      settings: { device: "vxlan0", vni: 77, port: 4789, cidrs: CIDRS, overlayIngress: "none" },
    });
    expect(read?.hosts[0]?.device.settings).toContain("underlay 10.0.0.1\n");
    expect(read?.hosts[0]?.peers.settings).toMatch(/^resource .*\nend\n$/s);
  });

  test("without phase peers are known to wait for it", () => {
    const [first] = overlaysIn([overlay(), ...hostResources("host01", 1).slice(0, 1)]);
    expect(first?.hosts[0]?.peers.settings).toBe("");
    expect(first?.mtu).toBe(0);
  });

  test("are none of another overlay's", () => {
    const other = { ...overlay(), urn: OVERLAY_URN.replace(/overlay$/, "other") };
    expect(overlaysIn([other, overlay(), ...resources]).map(({ hosts }) => hosts.length)).toEqual([0, 2]);
  });

  test("have the port of sshd and the hosts that are down from the overlay's outputs", () => {
    const [first] = overlaysIn([overlay({ verifyPort: 10022, downHosts: ["host02"] }), ...resources]);
    expect(first?.settings.verifyPort).toBe(10022);
    expect([...(first?.downHosts ?? [])]).toEqual(["host02"]);
  });
});
