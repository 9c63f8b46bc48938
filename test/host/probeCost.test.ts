import { beforeAll, expect, test } from "vitest";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import { until } from "../../lab/system/commands.ts";
import { manyPeers } from "./manyPeers.ts";
import { OVERLAY, RESOURCE, device, host, useHostForAllTests } from "./overlay.ts";
import { IDLE, idleCost, lowest, startUnit } from "./unitCost.ts";

useHostForAllTests();
beforeAll(() => host.on("iptables -A INPUT -j REJECT; ip6tables -A INPUT -j REJECT"));

test("a hundred peers that answer are probed at little cost", { timeout: 480_000 }, async () => {
  const { installation } = await device({
    settings: { cidrs: ["192.168.0.0/16"], pathProbes: true },
    overlayAddresses: ["192.168.255.1"],
  });
  const text = peersSettings(RESOURCE, { installation, mtu: 8950, peers: manyPeers(100) });
  expect((await host.program(["peers", OVERLAY], text)).exitCode).toBe(0);
  await host.on(
    "for i in $(seq 0 99); do echo address add 192.168.0.$i/32 dev lo; done | ip -batch -; iptables -I INPUT -i lo -j ACCEPT",
  );
  await startUnit();
  const probedCount = () =>
    host.on(`cat /run/oci-vxlan/${OVERLAY}/paths 2>/dev/null | grep -c ' up ' || true`);
  await until("the first period", 90_000, async () => Number(await probedCount()) === 50);
  // 0.2 % of a core, beside the 0.1 % that idling may cost; 100 to 120 ms
  expect(await lowest(6, IDLE * 3, idleCost)).toBeLessThanOrEqual(IDLE * 3);
});
