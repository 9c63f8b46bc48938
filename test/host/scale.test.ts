import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peersSettings } from "../../components/vxlan/phases.ts";
import type { Peer } from "../../components/vxlan/plan.ts";
import { until } from "../../lab/commands.ts";
import { NamespaceHost, PROGRAM } from "./namespace.ts";
import { OVERLAY, device } from "./overlay.ts";

const COUNT = 1000;
const octets = (index: number) => [index >> 8, index & 255] as const;
const FLEET: Peer[] = Array.from({ length: COUNT }, (_, index) => {
  const [high, low] = octets(index);
  const hex = (octet: number) => octet.toString(16).padStart(2, "0");
  return {
    name: `host${index}`,
    mac: `5e:00:00:00:${hex(high)}:${hex(low)}`,
    underlayAddress: `10.200.${high}.${low}`,
    overlayAddresses: [`192.168.${high}.${low}`],
  };
});

let host: NamespaceHost;
beforeAll(async () => {
  host = await NamespaceHost.make();
  await host.on("iptables -A INPUT -j REJECT; ip6tables -A INPUT -j REJECT");
});
afterAll(() => host.remove());

/** Bounds are generous: this machine may be doing much else. What was measured on an idle one stands beside them. */
describe("a thousand peers", () => {
  test("are installed in a moment", async () => {
    const { installation } = await device(host, {
      settings: { cidrs: ["192.168.0.0/16"] },
      overlayAddresses: ["192.168.255.1"],
    });
    const since = performance.now();
    const text = peersSettings({ installation, mtu: 8950, peers: FLEET });
    const { exitCode, stderr } = await host.program(["peers", OVERLAY], text);
    const taken = performance.now() - since;
    expect(exitCode, stderr).toBe(0);
    expect(
      await host.on("bridge fdb show dev vxlan0 | wc -l; ip neigh show dev vxlan0 nud permanent | wc -l"),
    ).toBe("2000\n1000");
    expect(taken).toBeLessThan(2_000); // 300 ms
    expect(stderr.split("\n").length).toBeLessThan(10);
  });

  test("cost little to look at when nothing differs, and little memory", async () => {
    host.start([PROGRAM, "run", OVERLAY]);
    const pid = () => host.on("pgrep -f 'oci-vxlan run' | head -1 || true");
    const runs = async () =>
      (await host.on(`awk '{ print ($16 + $17) * 10 }' /proc/${await pid()}/stat`))
        .split("\n")
        .map(Number)[0] ?? 0;
    await until("the first run", 10_000, async () => (await pid()) !== "" && (await runs()) > 0);
    await until(
      "something right to compare with",
      10_000,
      async () => {
        await host.on(
          "bridge fdb replace 02:00:00:00:00:77 dev vxlan0 dst 10.7.7.7; bridge fdb del 02:00:00:00:00:77 dev vxlan0",
        );
        return (await host.on(`ls /run/oci-vxlan/${OVERLAY}/right 2>/dev/null || true`)) !== "";
      },
      1_000,
    );
    const before = await runs();
    const times = 5;
    for (let time = 0; time < times; time++) {
      const last = await runs();
      await host.on(
        "bridge fdb replace 02:00:00:00:00:77 dev vxlan0 dst 10.7.7.7; bridge fdb del 02:00:00:00:00:77 dev vxlan0",
      );
      await until("a run", 5_000, async () => (await runs()) > last);
    }
    expect(((await runs()) - before) / times).toBeLessThan(60); // 32 ms, the handling of the event itself included
    const sizes = await host.on(
      "for p in $(pgrep -f 'oci-vxlan run|^ip -o monitor'); do awk '/VmHWM/ { print $2 }' /proc/$p/status; done",
    );
    for (const size of sizes.split("\n")) expect(Number(size)).toBeLessThan(10_000);
  });
});
