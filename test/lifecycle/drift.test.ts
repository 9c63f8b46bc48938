import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import type { ImageName } from "../../lab/hosts/images.ts";
import { Fleet, HOSTS, overlayAddress } from "./endurance.ts";

/** Milliseconds in which what the kernel holds has to be right again. */
const KERNEL = 2_000;
/** Milliseconds in which the firewall has to be right again. */
const FIREWALL = 30_000;

const IMAGES: ImageName[] = ["ubuntu-like", "oracle-linux-like"];

/** Whatever is changed behind the overlay's back is put right by the host itself, without `pulumi`. */
describe.each(IMAGES)("drift on %s", (image) => {
  let fleet: Fleet;
  let before: Record<string, string>;
  const each = async (look: (host: (typeof HOSTS)[number]) => Promise<string>) =>
    Object.fromEntries(await Promise.all(HOSTS.map(async (host) => [host, await look(host)] as const)));
  const peer = () => ({ mac: fleet.macs["beta"] ?? "", underlay: fleet.underlay("beta") });

  beforeAll(async () => {
    fleet = await Fleet.boot("drift", image);
    await each((host) => fleet.on(host, "systemctl is-system-running --wait || true"));
    // It writes down its state when it is started again, which a test does.
    if (image === "oracle-linux-like")
      await each((host) => fleet.on(host, "systemctl restart NetworkManager; nm-online -q -t 30 || true"));
    before = await each((host) => fleet.env.traces(host));
    const { exitCode, text } = await fleet.env.up();
    expect(exitCode, text).toBe(0);
    fleet.macs = (await fleet.env.outputs()).macs;
  });
  afterAll(() => fleet.env.remove());

  describe("what the kernel holds is mended within two seconds", () => {
    const cases: [string, () => string][] = [
      ["the device is deleted", () => "ip link del vxlan0"],
      [
        "the device is another one of the same name",
        () =>
          "printf 'link del vxlan0\\nlink add vxlan0 type vxlan id 200 dstport 4789 dev ens3\\n' | ip -batch -",
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
    test.each(cases)("%s", async (_, command) => {
      await fleet.mends("alpha", "kernel", KERNEL, () => fleet.on("alpha", command()));
    });

    test("and traffic passes", async () => {
      expect(await fleet.failing()).toEqual([]);
    });
  });

  test("what an administrator added stays, whatever is mended beside it", async () => {
    const rule =
      image === "ubuntu-like"
        ? "iptables -I INPUT 1 -p tcp --dport 8080 -m comment --comment mine -j ACCEPT"
        : "firewall-cmd --quiet --add-port=8080/tcp";
    await fleet.on(
      "beta",
      "bridge fdb append 02:00:00:00:00:77 dev vxlan0 dst 10.196.219.77; ip address add 192.168.0.77/24 dev vxlan0; " +
        `ip neigh replace 192.168.0.78 lladdr 02:00:00:00:00:78 dev vxlan0 nud permanent; nft add table inet mine; ${rule}`,
    );
    const mine = () =>
      fleet.on(
        "beta",
        "{ bridge fdb show dev vxlan0; ip -o address show dev vxlan0; ip neigh show dev vxlan0 nud permanent; " +
          "nft list table inet mine; iptables -S; firewall-cmd --list-ports 2>/dev/null || true; } | grep -oE '(00:77 dst|0\\.77/24|00:78 PERM|table inet mine|mine -j|8080/tcp).*'",
      );
    const added = await mine();
    expect(added.split("\n")).toHaveLength(5);
    await fleet.mends("beta", "kernel", KERNEL, () =>
      fleet.on("beta", `ip neigh del ${overlayAddress("alpha")} dev vxlan0; ip link set vxlan0 mtu 1400`),
    );
    await fleet.on("beta", "systemctl restart oci-vxlan@lab.overlay");
    expect(await mine()).toBe(added);
    await fleet.on(
      "beta",
      "bridge fdb del 02:00:00:00:00:77 dev vxlan0 dst 10.196.219.77; ip address del 192.168.0.77/24 dev vxlan0; " +
        `ip neigh del 192.168.0.78 dev vxlan0; nft delete table inet mine; ${rule.replace("-I INPUT 1", "-D INPUT").replace("--add", "--remove")}`,
    );
  });

  describe("the firewall is mended within half a minute", () => {
    const cases: [string, string, ImageName?][] = [
      ["the table that drops strangers is deleted", "nft delete table ip oci-vxlan"],
      ["a rule of that table is flushed", "nft flush chain ip oci-vxlan prerouting"],
      [
        "INPUT is flushed and loaded again",
        "iptables -F; iptables-restore /etc/iptables/rules.v4",
        "ubuntu-like",
      ],
      ["the image's rules are loaded again", "systemctl restart netfilter-persistent", "ubuntu-like"],
      [
        "another rule goes ahead",
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
    const wanted = cases.filter(([, , only]) => only === undefined || only === image);

    // Each waits for the half minute to pass, so those of three hosts happen at the same time; each has a host to itself.
    const rounds = Array.from({ length: Math.ceil(wanted.length / HOSTS.length) }, (_, round) =>
      wanted.slice(round * HOSTS.length, (round + 1) * HOSTS.length),
    );
    test.each(rounds.map((round) => [round.map(([what]) => what).join("; "), round] as const))(
      "%s",
      async (_, round) => {
        const mended = await Promise.allSettled(
          round.map(([, command], index) => {
            const host = HOSTS[index] as (typeof HOSTS)[number];
            return fleet.mends(host, "firewall", FIREWALL, () => fleet.on(host, command));
          }),
        );
        const failed = mended.flatMap((each, index) =>
          each.status === "rejected" ? [`${round[index]?.[0]}: ${(each.reason as Error).message}`] : [],
        );
        expect(failed).toEqual([]);
        expect(await fleet.failing()).toEqual([]);
      },
    );
  });

  test("all rules of the host are flushed: strangers are kept out again, and traffic passes", async () => {
    const before = await fleet.firewall("gamma");
    const table = async () => fleet.on("gamma", "nft -s list table ip oci-vxlan 2>/dev/null || true");
    const whole = await table();
    await fleet.on("gamma", "nft flush ruleset");
    await until("the table", FIREWALL + 10_000, async () => (await table()) === whole);
    expect(await fleet.failing()).toEqual([]);
    if (image === "oracle-linux-like") {
      // It answers from memory, so what it lost cannot be given to it again.
      const [, cure = ""] = /lost rules .*: sudo (.*)$/m.exec((await fleet.said("gamma")).at(-1) ?? "") ?? [];
      expect(cure).not.toBe("");
      await fleet.on("gamma", cure);
    } else {
      await fleet.on("gamma", "systemctl restart netfilter-persistent");
    }
    await until("all of it", FIREWALL + 10_000, async () => (await fleet.firewall("gamma")) === before);
    expect(await fleet.failing()).toEqual([]);
  });

  test("what manages networks on the host leaves the device alone", async () => {
    const state = await each((host) => fleet.kernel(host));
    await each((host) =>
      fleet.on(
        host,
        "mkdir -p /run/systemd/network; printf '[Match]\\nType=vxlan\\n[Network]\\nAddress=192.168.99.9/24\\n' >/run/systemd/network/50-mine.network; " +
          "systemctl restart systemd-networkd; networkctl reload; " +
          "if systemctl -q is-active NetworkManager; then systemctl reload NetworkManager; systemctl restart NetworkManager; nm-online -q -t 10 || true; fi; " +
          "for try in $(seq 50); do ! networkctl list vxlan0 --no-legend | grep -q unmanaged || exit 0; sleep 0.1; done; exit 1",
      ),
    );
    expect(await each((host) => fleet.kernel(host))).toEqual(state);
    if (image === "oracle-linux-like") {
      expect(await fleet.on("alpha", "nmcli -t -f DEVICE,STATE device")).toMatch(/^vxlan0:unmanaged$/m);
      expect(await fleet.on("alpha", "nmcli -t -f DEVICE,STATE device")).toMatch(/^ens3:connected$/m);
    }
    await each((host) =>
      fleet.on(
        host,
        "systemctl --quiet stop systemd-networkd.service systemd-networkd.socket; rm /run/systemd/network/50-mine.network",
      ),
    );
    expect(await fleet.failing()).toEqual([]);
  });

  test("a NIC whose MTU shrank is reported, by up too, and neither end is lowered alone", async () => {
    await fleet.on("gamma", "ip link set ens3 mtu 1500; systemctl restart oci-vxlan@lab.overlay");
    expect((await fleet.said("gamma")).join("\n")).toMatch(/ens3 carries 1500 bytes.*large frames are lost/);
    const { exitCode, text } = await fleet.env.up();
    expect(exitCode).not.toBe(0);
    expect(text).toMatch(/gamma: ens3 carries 1500 bytes.*raise this host's generation/);
    expect(text).toMatch(/alpha -> gamma .*: ICMP of 8922 bytes timed out, while a small one is answered/);
    expect(text).not.toMatch(/alpha -> beta|beta -> alpha/);
    for (const host of HOSTS) expect(await fleet.kernel(host)).toContain("mtu 8950 ");
  });

  test("a raised generation lowers all ends together, and raises them again when the NIC carries more", async () => {
    for (const [generation, mtu] of [
      [1, 1500],
      [2, 9000],
    ] as const) {
      await fleet.on("gamma", `ip link set ens3 mtu ${mtu}`);
      const config = fleet.env.config((e) => (e.hosts.gamma.generation = generation));
      const { exitCode, text } = await fleet.env.up(config);
      expect(exitCode, text).toBe(0);
      for (const host of HOSTS) expect(await fleet.kernel(host)).toContain(`mtu ${mtu - 50} `);
      expect(await fleet.failing()).toEqual([]);
    }
  });

  test("destroy leaves nothing on the hosts", async () => {
    const { exitCode, text } = await fleet.env.destroy();
    expect(exitCode, text).toBe(0);
    expect(await each((host) => fleet.env.traces(host))).toEqual(before);
  });
});
