import { describe, expect, test } from "vitest";
import { overlaysIn } from "../../status/stackHosts.ts";
import {
  CIDRS,
  IDENTITY,
  INSTALLATION,
  OVERLAY_URN,
  hostResources,
  overlayResource,
} from "./stackResources.ts";

describe("the hosts of a stack, from its state", () => {
  const resources = [...hostResources("host02", 2), ...hostResources("host-device", 1)];
  const [overlay] = overlaysIn([overlayResource(), ...resources]);

  test("are those of the phases, sorted by name", () => {
    expect(overlay?.hosts.map(({ name }) => name)).toEqual(["host-device", "host02"]);
    expect(overlay?.hosts[1]).toMatchObject({
      sshPort: 2202,
      connection: { host: "203.0.113.2", hostKey: "ssh-ed25519 AAAA" },
      underlayAddress: "10.0.0.2",
      overlayAddresses: ["192.168.0.2", "fd00::2"],
      report: { mac: "42:00:00:00:00:02", installation: INSTALLATION },
    });
  });

  test("have the settings that the hosts have, though no up has succeeded yet", () => {
    expect(overlay).toMatchObject({
      identity: IDENTITY,
      mtu: 8950,
      settings: { device: "vxlan0", vni: 77, port: 4789, cidrs: CIDRS, overlayIngress: "none" },
    });
    expect(overlay?.hosts[0]?.device.settings).toContain("underlay 10.0.0.1\n");
    expect(overlay?.hosts[0]?.peers.settings).toMatch(/^resource .*\nend\n$/s);
  });

  test("without phase peers are known to wait for it", () => {
    const [first] = overlaysIn([overlayResource(), ...hostResources("host01", 1).slice(0, 1)]);
    expect(first?.hosts[0]?.peers.settings).toBe("");
    expect(first?.mtu).toBe(0);
  });

  test("are none of another overlay's", () => {
    const other = { ...overlayResource(), urn: OVERLAY_URN.replace(/overlay$/, "other") };
    expect(overlaysIn([other, overlayResource(), ...resources]).map(({ hosts }) => hosts.length)).toEqual([
      0, 2,
    ]);
  });

  test("have the port of sshd and the hosts that are down from the overlay's outputs", () => {
    const [first] = overlaysIn([overlayResource({ verifyPort: 10022, downHosts: ["host02"] }), ...resources]);
    expect(first?.settings.verifyPort).toBe(10022);
    expect([...(first?.downHosts ?? [])]).toEqual(["host02"]);
  });
});
