import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import type { ImageName } from "../../lab/hosts/images.ts";
import { Fleet, HOSTS, overlayAddress } from "./support/fleet.ts";
import type { Host } from "./support/fleet.ts";
import { installationTraces, readEach } from "./support/hostState.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";

/** Milliseconds within which a host has to repair its device, addresses and entries. */
const VXLAN0_LIMIT = 2_000;
/** Milliseconds within which a host has to repair its firewall and peer filter. */
const FIREWALL_LIMIT = 30_000;

/** Milliseconds within which both ends of a path have to log that it broke, or that it is whole again. */
const PATH_LIMIT = 60_000;

const IMAGES: ImageName[] = ["ubuntu-like", "oracle-linux-like"];

/** Administrators and programs on a host change its state behind the overlay's back. Pulumi does not run. */
describe.each(IMAGES)("a host repairs drift by itself on %s", (image) => {
  let fleet: Fleet;
  let tracesBefore: Record<string, string>;
  const onEach = (script: string) => readEach(HOSTS, (host) => fleet.on(host, script));
  const readTraces = () => readEach(HOSTS, (host) => installationTraces(fleet.stack, host));
  const peer = () => ({ mac: fleet.macs["beta"] ?? "", underlay: fleet.underlay("beta") });

  beforeAll(async () => {
    fleet = await Fleet.boot("drift", image);
    await Promise.all(HOSTS.map((host) => fleet.stack.waitForBoot(host)));
    // NetworkManager writes state files when it is restarted, which a test does: they are no traces of the overlay.
    if (image === "oracle-linux-like")
      await onEach("systemctl restart NetworkManager; nm-online -q -t 30 || true");
    tracesBefore = await readTraces();
    await fleet.up();
  });
  afterAll(() => fleet.stack.remove());

  describe("device, addresses and entries are repaired within two seconds", () => {
    const CASES: [string, () => string][] = [
      ["the device is deleted", () => "ip link del vxlan0"],
      [
        // A busy machine may let the host repair the device before the other one takes its name.
        "another device has the name of the deleted one",
        () =>
          "for attempt in 1 2 3 4 5; do " +
          "printf 'link del vxlan0\\nlink add vxlan0 type vxlan id 200 dstport 4789 dev ens3\\n' | ip -batch - && exit; " +
          "done; exit 1",
      ],
      ["the device is set down", () => "ip link set vxlan0 down"],
      ["the device's MAC is changed", () => "ip link set vxlan0 address 02:00:00:00:00:99"],
      ["the device's MTU is changed", () => "ip link set vxlan0 mtu 1400"],
      ["learning is switched on", () => "ip link set vxlan0 type vxlan learning"],
      ["the address is removed", () => "ip address flush dev vxlan0 scope global"],
      [
        "the address has another prefix length",
        () =>
          `ip address flush dev vxlan0 scope global; ip address add ${overlayAddress("alpha")}/16 dev vxlan0`,
      ],
      [
        "a peer's FDB entry is deleted",
        () => `bridge fdb del ${peer().mac} dev vxlan0 dst ${peer().underlay}`,
      ],
      [
        "a peer's FDB entry is changed",
        () => `bridge fdb replace ${peer().mac} dev vxlan0 dst 10.196.219.99`,
      ],
      [
        "a peer's all-zero entry is deleted",
        () => `bridge fdb del 00:00:00:00:00:00 dev vxlan0 dst ${peer().underlay}`,
      ],
      [
        "a foreign all-zero entry is added",
        () => "bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.196.219.99",
      ],
      ["a peer's neighbour entry is deleted", () => `ip neigh del ${overlayAddress("beta")} dev vxlan0`],
      [
        "a peer's neighbour entry is changed",
        () => `ip neigh replace ${overlayAddress("beta")} lladdr 02:00:00:00:00:99 dev vxlan0 nud permanent`,
      ],
      [
        "a peer's neighbour entry may age",
        () => `ip neigh replace ${overlayAddress("beta")} lladdr ${peer().mac} dev vxlan0 nud reachable`,
      ],
      [
        "all entries are flushed",
        () => "ip neigh flush dev vxlan0 nud permanent; bridge fdb flush dev vxlan0",
      ],
    ];
    test.each(CASES)("%s", async (_, command) => {
      await fleet.expectRepair("alpha", "vxlan0", VXLAN0_LIMIT, () => fleet.on("alpha", command()));
    });

    test("all traffic passes afterwards", async () => {
      expect(await fleet.failures()).toEqual([]);
    });
  });

  test("entries, addresses and rules of an administrator stay while others are repaired", async () => {
    const rule =
      image === "ubuntu-like"
        ? "iptables -I INPUT 1 -p tcp --dport 8080 -m comment --comment mine -j ACCEPT"
        : "firewall-cmd --quiet --add-port=8080/tcp";
    await fleet.on(
      "beta",
      "bridge fdb append 02:00:00:00:00:77 dev vxlan0 dst 10.196.219.77; ip address add 192.168.0.77/24 dev vxlan0; " +
        `ip neigh replace 192.168.0.78 lladdr 02:00:00:00:00:78 dev vxlan0 nud permanent; nft add table inet mine; ${rule}`,
    );
    const readAdditions = () =>
      fleet.on(
        "beta",
        "{ bridge fdb show dev vxlan0; ip -o address show dev vxlan0; ip neigh show dev vxlan0 nud permanent; " +
          "nft list table inet mine; iptables -S; firewall-cmd --list-ports 2>/dev/null || true; } | grep -oE '(00:77 dst|0\\.77/24|00:78 PERM|table inet mine|mine -j|8080/tcp).*'",
      );
    const additions = await readAdditions();
    expect(additions.split("\n")).toHaveLength(5);
    await fleet.expectRepair("beta", "vxlan0", VXLAN0_LIMIT, () =>
      fleet.on("beta", `ip neigh del ${overlayAddress("alpha")} dev vxlan0; ip link set vxlan0 mtu 1400`),
    );
    await fleet.on("beta", "systemctl restart oci-vxlan@lab.overlay");
    expect(await readAdditions()).toBe(additions);
    await fleet.on(
      "beta",
      "bridge fdb del 02:00:00:00:00:77 dev vxlan0 dst 10.196.219.77; ip address del 192.168.0.77/24 dev vxlan0; " +
        `ip neigh del 192.168.0.78 dev vxlan0; nft delete table inet mine; ${rule.replace("-I INPUT 1", "-D INPUT").replace("--add", "--remove")}`,
    );
  });

  describe("the firewall is repaired within half a minute", () => {
    /** Name, script, and the image that has the tools for it; default: both. */
    const CASES: [string, string, ImageName?][] = [
      ["the peer filter is deleted", "nft delete table ip oci-vxlan"],
      ["the rules of the peer filter are flushed", "nft flush chain ip oci-vxlan prerouting"],
      [
        "INPUT is flushed and loaded again",
        "iptables -F; iptables-restore /etc/iptables/rules.v4",
        "ubuntu-like",
      ],
      ["the image's rules are loaded again", "systemctl restart netfilter-persistent", "ubuntu-like"],
      [
        "our jump is deleted, and another rule comes and goes",
        "iptables -D INPUT 1; iptables -A INPUT -j DROP; iptables -D INPUT -j DROP",
        "ubuntu-like",
      ],
      [
        "every rule of the host is flushed, and the image's are loaded again",
        "nft flush ruleset; systemctl restart netfilter-persistent",
        "ubuntu-like",
      ],
      ["firewalld reloads", "firewall-cmd --quiet --reload", "oracle-linux-like"],
      ["firewalld reloads completely", "firewall-cmd --quiet --complete-reload", "oracle-linux-like"],
      ["firewalld is started again", "systemctl restart firewalld", "oracle-linux-like"],
      [
        "every rule of the host is flushed, and firewalld is started again",
        "nft flush ruleset; systemctl restart firewalld",
        "oracle-linux-like",
      ],
    ];
    const casesOfImage = CASES.filter(([, , onlyImage]) => onlyImage === undefined || onlyImage === image);

    // A repair may take half a minute, so each round has one case a host, all at the same time.
    const rounds = Array.from({ length: Math.ceil(casesOfImage.length / HOSTS.length) }, (_, round) =>
      casesOfImage.slice(round * HOSTS.length, (round + 1) * HOSTS.length),
    );
    test.each(rounds.map((round) => [round.map(([name]) => name).join("; "), round] as const))(
      "%s",
      async (_, round) => {
        const repairs = await Promise.allSettled(
          round.map(([, command], index) => {
            const host = HOSTS[index] as Host;
            return fleet.expectRepair(host, "firewall", FIREWALL_LIMIT, () => fleet.on(host, command));
          }),
        );
        const failures = repairs.flatMap((repair, index) =>
          repair.status === "rejected" ? [`${round[index]?.[0]}: ${(repair.reason as Error).message}`] : [],
        );
        expect(failures).toEqual([]);
        expect(await fleet.failures()).toEqual([]);
      },
    );
  });

  test("after a flush of all rules the peer filter comes back, and traffic passes", async () => {
    const firewallBefore = await fleet.firewall("gamma");
    const readPeerFilter = () => fleet.on("gamma", "nft -s list table ip oci-vxlan 2>/dev/null || true");
    const peerFilterBefore = await readPeerFilter();
    await fleet.on("gamma", "nft flush ruleset");
    await until(
      "the peer filter",
      FIREWALL_LIMIT + 10_000,
      async () => (await readPeerFilter()) === peerFilterBefore,
    );
    expect(await fleet.failures()).toEqual([]);
    if (image === "oracle-linux-like") {
      // firewalld lists its rules from memory, so only a reload, which the log names, loads them into the kernel again.
      const lastLine = (await fleet.log("gamma")).at(-1) ?? "";
      const [, reloadCommand = ""] = /lost rules .*: sudo (.*)$/m.exec(lastLine) ?? [];
      expect(reloadCommand).not.toBe("");
      await fleet.on("gamma", reloadCommand);
    } else {
      await fleet.on("gamma", "systemctl restart netfilter-persistent");
    }
    await until(
      "the host's firewall",
      FIREWALL_LIMIT + 10_000,
      async () => (await fleet.firewall("gamma")) === firewallBefore,
    );
    expect(await fleet.failures()).toEqual([]);
  });

  test("systemd-networkd and NetworkManager leave the device alone", async () => {
    const readDevices = () => readEach(HOSTS, (host) => fleet.vxlan0(host));
    const devices = await readDevices();
    await onEach(
      "mkdir -p /run/systemd/network; printf '[Match]\\nType=vxlan\\n[Network]\\nAddress=192.168.99.9/24\\n' >/run/systemd/network/50-mine.network; " +
        "systemctl restart systemd-networkd; " +
        "if command -v nmcli >/dev/null; then systemctl reset-failed NetworkManager; systemctl restart NetworkManager; nm-online -q -t 10 || true; fi; " +
        "for try in $(seq 200); do ! networkctl list vxlan0 --no-legend | grep -q unmanaged || exit 0; sleep 0.1; done; exit 1",
    );
    expect(await readDevices()).toEqual(devices);
    if (image === "oracle-linux-like") {
      expect(await fleet.on("alpha", "nmcli -t -f DEVICE,STATE device")).toMatch(/^vxlan0:unmanaged$/m);
      expect(await fleet.on("alpha", "nmcli -t -f DEVICE,STATE device")).toMatch(/^ens3:connected$/m);
    }
    await onEach(
      "systemctl --quiet stop systemd-networkd.service systemd-networkd.socket; rm /run/systemd/network/50-mine.network",
    );
    expect(await fleet.failures()).toEqual([]);
  });

  test.runIf(image === "ubuntu-like")(
    "a path that is cut is in the journals of both ends within a minute, and again when it is whole",
    { timeout: 200_000 },
    async () => {
      expectSuccess(await fleet.stack.up(fleet.stack.config((e) => (e.overlay.pathProbes = true))));
      const ends = [
        ["beta", "gamma"],
        ["gamma", "beta"],
      ] as const;
      const cutCommand = `nft 'table ip cut { chain c { type filter hook prerouting priority -500; ip saddr ${fleet.underlay("beta")} udp dport 4789 drop; }; }'`;
      for (const [change, event] of [
        [cutCommand, "is broken: nothing comes back"],
        ["nft delete table ip cut", "is whole again"],
      ] as const) {
        await fleet.on("gamma", change);
        const start = Date.now();
        for (const [host, peer] of ends) {
          const after = async () =>
            (await fleet.pathEvents(host, peer, event)).filter((time) => time > start);
          await until(`"${event}" on ${host}`, 90_000, async () => (await after()).length > 0);
          expect((await after())[0]).toBeLessThanOrEqual(start + PATH_LIMIT);
        }
      }
      expect(await fleet.pathEvents("alpha", "beta", "is broken")).toEqual([]);
      const status = "/usr/local/sbin/oci-vxlan status lab.overlay";
      expect(await fleet.on("gamma", `su - opc -c '${status}'`)).toContain("paths        2 of 2 pass");
      expectSuccess(await fleet.stack.up());
    },
  );

  test("the log and up report a NIC whose MTU shrank, and no host lowers its MTU alone", async () => {
    await fleet.on("gamma", "ip link set ens3 mtu 1500; systemctl restart oci-vxlan@lab.overlay");
    expect((await fleet.log("gamma")).join("\n")).toMatch(/ens3 carries 1500 bytes.*large frames are lost/);
    const text = expectFailure(await fleet.stack.up());
    expect(text).toMatch(/gamma: ens3 carries 1500 bytes.*raise this host's generation/);
    expect(text).toMatch(/alpha -> gamma .*: ICMP of 8922 bytes timed out, while a small one is answered/);
    expect(text).not.toMatch(/alpha -> beta|beta -> alpha/);
    for (const host of HOSTS) expect(await fleet.vxlan0(host)).toContain("mtu 8950 ");
  });

  test("a raised generation lowers the MTU of all hosts, and another raises it when the NIC carries more", async () => {
    for (const [generation, mtu] of [
      [1, 1500],
      [2, 9000],
    ] as const) {
      await fleet.on("gamma", `ip link set ens3 mtu ${mtu}`);
      expectSuccess(await fleet.stack.up(fleet.stack.config((e) => (e.hosts.gamma.generation = generation))));
      for (const host of HOSTS) expect(await fleet.vxlan0(host)).toContain(`mtu ${mtu - 50} `);
      expect(await fleet.failures()).toEqual([]);
    }
  });

  test("destroy leaves nothing on the hosts", async () => {
    expectSuccess(await fleet.stack.destroy());
    expect(await readTraces()).toEqual(tracesBefore);
  });
});
