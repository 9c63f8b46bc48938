import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rebootHost } from "../../../lab/hosts/power.ts";
import { BUILD_LIMIT, isDebian } from "../../../lab/hosts/images.ts";
import type { DebianRelease } from "../../../lab/hosts/images.ts";
import type { HostSpec, Inventory } from "../../../lab/hosts/inventory.ts";
import { until } from "../../../lab/system/commands.ts";
import {
  fileTimes,
  firewallState,
  installationTraces,
  kernelTables,
  readEach,
  vxlan0State,
} from "./hostState.ts";
import { expectSuccess, expectUnchanged } from "./outcome.ts";
import { TestStack } from "./testStack.ts";

const HOSTS = ["ubuntu", "oracle"] as const;
type Host = (typeof HOSTS)[number];

/** One host of each image, with the NIC's name of such hosts. */
const inventory = (release: DebianRelease): Inventory => ({
  ubuntu: {
    address: "10.196.219.2/24",
    mac: "02:00:17:00:03:01",
    nic: "ens3",
    image: "ubuntu-like",
    release,
  },
  oracle: {
    address: "10.196.219.3/24",
    mac: "02:00:17:00:03:02",
    nic: "enp0s6",
    image: "oracle-linux-like",
    release,
  },
});

/** Milliseconds within which a host has to repair its firewall, and some for a busy machine. */
const REPAIR_LIMIT = 60_000;

/** The lines that the unit has logged since the machine's boot. */
const LOG = "journalctl --sync; journalctl --no-pager --quiet --output=cat --unit='oci-vxlan@lab.overlay'";

/** Another peer of each host. */
const PEER = {
  ubuntu: { host: "oracle", underlay: "10.196.219.3", overlay: "192.168.0.1" },
  oracle: { host: "ubuntu", underlay: "10.196.219.2", overlay: "192.168.0.2" },
} as const;

/** The tools of a Debian release: an overlay from the first `up` to `destroy`, with drift and a reboot in between. */
export function testRelease(release: DebianRelease): void {
  // The images of other releases are built from Debian's package sources, which no other distribution has.
  describe.skipIf(!isDebian())(`an overlay between hosts with the tools of Debian ${release}`, () => {
    let stack: TestStack;
    let tracesBefore: Record<string, string>;
    let macs: Record<string, string>;
    const readTraces = () => readEach(HOSTS, (host) => installationTraces(stack, host));
    const readState = (host: Host) =>
      Promise.all([vxlan0State(stack, host), firewallState(stack, host)]).then((states) => states.join("\n"));
    const readLog = (host: Host) => stack.on(host, LOG).then((text) => text.split("\n"));

    beforeAll(async () => {
      stack = await TestStack.boot(`test-debian-${release}`, inventory(release));
      await Promise.all(HOSTS.map((host) => stack.waitForBoot(host)));
      tracesBefore = await readTraces();
    }, 2 * BUILD_LIMIT);
    afterAll(() => stack.remove());

    test("the hosts are of this release", async () => {
      for (const host of HOSTS)
        expect(await stack.on(host, ". /etc/os-release; echo $ID $VERSION_ID")).toBe(`debian ${release}`);
    });

    test("up creates it, and all traffic passes", async () => {
      expectSuccess(await stack.up());
      expect(await stack.failingPairs()).toEqual([]);
      macs = (await stack.outputs()).macs;
    });

    test("a second up changes no resource, no file and no kernel table, and no host repairs anything", async () => {
      const readHosts = () =>
        readEach(HOSTS, async (host) => ({
          times: await fileTimes(stack, host),
          tables: await kernelTables(stack, host),
          log: await readLog(host),
        }));
      const before = await readHosts();
      expectUnchanged(await stack.up());
      for (const host of HOSTS)
        expect(await stack.on(host, "/usr/local/sbin/oci-vxlan reconcile lab.overlay 2>&1")).toBe("");
      expect(await readHosts()).toEqual(before);
    });

    /** Name, and the script that does the damage on a host. */
    const DRIFT: [string, (host: Host) => string][] = [
      ["the device is deleted", () => "ip link del vxlan0"],
      ["learning is switched on", () => "ip link set vxlan0 type vxlan learning"],
      ["the address is removed", () => "ip address flush dev vxlan0 scope global"],
      [
        "a peer's FDB entry is deleted",
        (host) => `bridge fdb del ${macs[PEER[host].host]} dev vxlan0 dst ${PEER[host].underlay}`,
      ],
      [
        "a peer's neighbour entry may age",
        (host) =>
          `ip neigh replace ${PEER[host].overlay} lladdr ${macs[PEER[host].host]} dev vxlan0 nud reachable`,
      ],
      ["the peer filter is deleted", () => "nft delete table ip oci-vxlan"],
      [
        "the host firewall loses our rule",
        (host) =>
          host === "ubuntu"
            ? "iptables -D INPUT 1"
            : 'firewall-cmd --quiet --remove-rich-rule="$(firewall-cmd --list-rich-rules)"; firewall-cmd --quiet --zone=trusted --remove-interface=vxlan0',
      ],
    ];
    const expectRepair = async (host: Host, damage: string) => {
      const [before, log] = [await readState(host), await readLog(host)];
      await stack.on(host, damage);
      let [after, lines] = ["", [] as string[]];
      await until(`the repair on ${host}`, REPAIR_LIMIT, async () => {
        after = await readState(host).catch((error: unknown) => (error as Error).message);
        lines = (await readLog(host)).slice(log.length);
        return after === before && lines.length > 0;
      }).catch(() => expect([after, lines]).toEqual([before, ["a repair"]]));
    };
    test.each(DRIFT)("both hosts repair it by themselves where %s", async (_, damage) => {
      await Promise.all(HOSTS.map((host) => expectRepair(host, damage(host))));
    });

    test("all traffic passes afterwards, and again after a reboot, with the same MACs", async () => {
      expect(await stack.failingPairs()).toEqual([]);
      await Promise.all(HOSTS.map((host) => rebootHost(stack.lab, host, stack.inventory[host] as HostSpec)));
      await Promise.all(HOSTS.map((host) => stack.waitForBoot(host)));
      expect(await stack.failingPairs()).toEqual([]);
      expectUnchanged(await stack.up());
      expect((await stack.outputs()).macs).toEqual(macs);
    });

    test("destroy leaves the hosts as they were", async () => {
      expectSuccess(await stack.destroy());
      expect(await readTraces()).toEqual(tracesBefore);
    });
  });
}
