import { describe, expect, test } from "vitest";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import { PROGRAM } from "../../components/vxlan/phases/phase.ts";
import { until } from "../../lab/system/commands.ts";
import {
  OTHER,
  OVERLAY,
  PEER,
  RESOURCE,
  SECOND,
  device,
  host,
  install,
  kernel,
  linkWord,
  peers,
  remove,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

const UNIT = `oci-vxlan@${OVERLAY}.service`;

useHostForEachTest();

/** Calls of systemctl that change something, since the last call of this function. */
async function systemctlChanges(): Promise<string[]> {
  const log = await host.on("cat /run/fakes/systemctl.log 2>/dev/null; rm -f /run/fakes/systemctl.log");
  return log.split("\n").filter((line) => !/show|is-active|list-jobs|rollback/.test(line) && line !== "");
}

describe("the unit", () => {
  test("is enabled and started once, and not again by later phases", async () => {
    const { installation } = await device();
    expect(await systemctlChanges()).toEqual([`--quiet enable ${UNIT}`, `restart ${UNIT}`]);
    await device();
    await peers(installation);
    expect(await systemctlChanges()).toEqual([]);
  });

  test("is started again after a failure, which is no pause", async () => {
    await device();
    await host.on(`echo failed >/run/fakes/units/${UNIT}.active`);
    await systemctlChanges();
    await device();
    expect(await systemctlChanges()).toEqual([`start ${UNIT}`]);
  });

  test("is started again, as are those of other overlays, when the program is another one", async () => {
    await device();
    await device({ overlay: SECOND, settings: { device: "vxlan1", vni: 200 } });
    await systemctlChanges();
    await host.on("echo '# another' >>/usr/local/lib/oci-vxlan/device.sh");
    await device();
    expect(await systemctlChanges()).toEqual([
      `restart ${UNIT}`,
      `--no-block try-restart oci-vxlan@${SECOND}.service`,
    ]);
  });

  test.each([
    [
      "stopped",
      `systemctl stop ${UNIT}`,
      /is paused on \S+: its unit oci-vxlan@lab\.overlay\.service is stopped\./,
    ],
    ["disabled", `systemctl disable ${UNIT}`, /is paused on .* is disabled\./],
  ])(
    "that is %s has paused the overlay: up fails, says how to go on, and changes nothing",
    async (_, pause, message) => {
      const { installation } = await install();
      await host.on(pause);
      await host.on("ip link del vxlan0");
      await systemctlChanges();
      const otherPeers = peersSettings(RESOURCE, { installation, mtu: 8950, peers: [OTHER] });
      for (const { exitCode, stderr } of [
        await host.devicePhase(OVERLAY, settingsOf({ settings: { vni: 7 } })),
        await host.program(["peers", OVERLAY], otherPeers),
      ]) {
        expect(exitCode).toBe(1);
        expect(stderr).toMatch(message);
        expect(stderr).toContain(`sudo systemctl enable --now ${UNIT}`);
      }
      expect(await systemctlChanges()).toEqual([]);
      expect(
        await host.on("ip -o link show type vxlan; grep -c host03 /etc/oci-vxlan/*/* || true"),
      ).not.toMatch(/vxlan0|:[1-9]/);
      await host.on(`systemctl enable --now ${UNIT}`);
      await device();
      expect(await host.on("ip -o link show type vxlan")).toContain("vxlan0");
    },
  );

  test("that is stopped does not prevent removal", async () => {
    await install();
    await host.on(`systemctl stop ${UNIT}`);
    await remove();
    expect(await host.on("ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });
});

describe("the journal", () => {
  const journal = () =>
    host.on("cat /run/fakes/journal.log 2>/dev/null || true; rm -f /run/fakes/journal.log");

  test("has the repairs of a phase and the reason of a failure, among the unit's own lines", async () => {
    await device();
    expect(await journal()).toMatch(
      new RegExp(
        `^MESSAGE=oci-vxlan: ${OVERLAY}: ip link add vxlan0 .*\\nPRIORITY=6\\nSYSLOG_IDENTIFIER=oci-vxlan\\nOBJECT_SYSTEMD_UNIT=${UNIT}$`,
        "m",
      ),
    );
    const settings = settingsOf({ settings: { mtu: 8951 } });
    expect((await host.devicePhase(OVERLAY, settings)).exitCode).toBe(1);
    expect(await journal()).toMatch(/^MESSAGE=oci-vxlan: error: mtu 8951 does not fit/m);
  });

  test("gets no line of the unit twice", async () => {
    await install();
    await journal();
    await host.on("ip link del vxlan0");
    expect(await host.on(`JOURNAL_STREAM=8:9 ${PROGRAM} reconcile ${OVERLAY} 2>&1`)).toContain("ip link add");
    expect(await journal()).toBe("");
  });
});

describe("the unit's program", () => {
  /** Starts what the unit runs, and returns its journal by a function. */
  const start = async () => {
    await host.wrap("/usr/sbin/nft", 'echo >>/run/calls; exec $REAL "$@"');
    const journal = host.start([PROGRAM, "run", OVERLAY]);
    const monitors = () => host.on("pgrep -fc '^ip -o monitor' || true");
    await until("the monitor", 20_000, async () => (await monitors()) === "1");
    return journal;
  };
  /** Grows with every run, which asks nft about its tables. */
  const activity = async () => Number(await host.on("cat /run/calls 2>/dev/null | wc -l"));

  /** The processes that watch the kernel; "nft" is another program's name in these tests. */
  const monitors = async () =>
    (await host.on("pgrep -f '^ip -o [m]onitor|nft.real [m]onitor' || true")).split("\n").filter(Boolean);

  /** Damages the device, which must be whole in time. Another try is given to a machine that was busy. */
  const expectRepair = async (damage: string, limit: number, cleanTables: string) => {
    let duration = Infinity;
    for (let tries = 0; tries < 3 && duration > limit; tries++) {
      await host.on(damage);
      const startTime = Date.now();
      const isWhole = async () => (await kernel().catch(() => "")) === cleanTables;
      await until(`the repair of "${damage}"`, limit + 10_000, isWhole);
      duration = Date.now() - startTime;
    }
    expect(duration, damage).toBeLessThanOrEqual(limit);
  };

  test("repairs every kind of change to the device within two seconds", async () => {
    await install();
    const cleanTables = await kernel();
    await start();
    for (const damage of [
      "ip link del vxlan0",
      "ip link set vxlan0 down",
      "ip link set vxlan0 address 02:00:00:00:00:99",
      "ip link set vxlan0 mtu 1400",
      "ip address del 192.168.0.1/24 dev vxlan0",
      `bridge fdb del ${PEER.mac} dev vxlan0 dst ${PEER.underlayAddress}`,
      "bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.9.9.9",
      "bridge fdb append 00:00:00:00:00:00 dev vxlan0 dst 10.9.9.9 dynamic",
      `bridge fdb replace ${PEER.mac} dev vxlan0 dst 10.9.9.9 dynamic`,
      "ip route del 192.168.0.0/24 dev vxlan0",
      "ip neigh del 192.168.0.2 dev vxlan0",
      "ip neigh replace 192.168.0.2 lladdr 02:00:00:00:00:98 dev vxlan0 nud stale",
      "pkill -f '^ip -o monitor'; ip link del vxlan0",
    ]) {
      await expectRepair(damage, damage.startsWith("pkill") ? 4_000 : 2_000, cleanTables);
    }
  });

  test("puts back what is removed from nftables within two seconds, and rests where it is others'", async () => {
    await host.on("iptables -A INPUT -j REJECT");
    await install();
    const journal = await start();
    await until("the monitors", 20_000, async () => (await monitors()).length === 2);
    const nft = (command: string) => host.on(`/usr/sbin/nft.real ${command} 2>/dev/null || true`);
    const rules = async () =>
      `${await nft("-s list table ip oci-vxlan")}\n${await host.on("iptables -S | grep oci-vxlan || true")}`;
    let calls = 0;
    const waitForRest = () =>
      until("no further run", 20_000, async () => calls === (calls = await activity()), 1_500);
    const cleanRules = await rules();
    expect(cleanRules).toContain("-A INPUT -m comment");
    for (const damage of [
      "delete table ip oci-vxlan",
      "flush chain ip oci-vxlan input",
      `delete element ip oci-vxlan peers-100-4789 '{ ${PEER.underlayAddress} }'`,
      "flush chain ip filter oci-vxlan-100-4789",
      'delete rule ip filter INPUT handle "$(nft.real -a list chain ip filter INPUT | sed -n "s/.*oci-vxlan.* handle //p")"',
    ]) {
      let duration = Infinity;
      for (let tries = 0; tries < 3 && duration > 2_000; tries++) {
        await waitForRest(); // A run that the last repair has started would repair this too.
        await nft(damage);
        expect(await rules(), damage).not.toBe(cleanRules);
        const startTime = Date.now();
        await until(`the repair of "${damage}"`, 12_000, async () => (await rules()) === cleanRules);
        duration = Date.now() - startTime;
      }
      expect(duration, damage).toBeLessThanOrEqual(2_000);
    }
    await waitForRest();
    const lines = journal();
    for (const change of ["table inet other", "chain inet other c", "rule inet other c accept"]) {
      await nft(`add ${change}`);
    }
    await nft("delete table inet other");
    await expect(until("a run", 2_500, async () => (await activity()) !== calls)).rejects.toThrow();
    expect(journal()).toBe(lines);
  });

  test("starts its monitors again where one was killed, and leaves none when it is stopped", async () => {
    await install();
    await start();
    await until("both", 20_000, async () => (await monitors()).length === 2);
    const before = await monitors();
    await host.on("pkill -f '^ip -o monitor'");
    await until("two others", 10_000, async () => {
      const after = await monitors();
      return after.length === 2 && !after.some((monitor) => before.includes(monitor));
    });
    await host.on("kill $(pgrep -of 'oci-vxlan run')");
    await until("their end", 20_000, async () => (await monitors()).length === 0);
  });

  test("follows new settings without being started again", async () => {
    const { installation } = await install();
    await start();
    await peers(installation, [OTHER]);
    await host.on(`bridge fdb del ${OTHER.mac} dev vxlan0 dst ${OTHER.underlayAddress}`);
    await until("the repair", 10_000, async () => (await kernel()).includes(OTHER.mac));
    expect(await kernel()).not.toContain(PEER.mac);
  });

  test("starts no further run after a repair, ignores neighbours that are no peers, and logs nothing more", async () => {
    await install();
    const journal = await start();
    await host.on("ip link del vxlan0");
    await until("the repair", 10_000, async () => (await kernel().catch(() => "")).includes(PEER.mac));
    let before = 0;
    const isAtRest = async () => before === (before = await activity());
    await until("no further run", 10_000, isAtRest, 1_500);
    const lines = journal();
    for (const state of ["reachable", "stale", "reachable", "stale"]) {
      await host.on(`ip neigh replace 192.168.0.66 lladdr 02:00:00:00:00:66 dev vxlan0 nud ${state}`);
    }
    // An event that matters takes less than this to be looked into.
    await expect(until("a run", 2_500, async () => (await activity()) !== before)).rejects.toThrow();
    expect(journal()).toBe(lines);
    await host.on("bridge fdb replace 02:00:00:00:00:77 dev vxlan0 dst 10.7.7.7");
    await until("a run", 10_000, async () => (await activity()) !== before);
  });

  test("answers a burst of changes with few runs", async () => {
    await install();
    await start();
    const before = await activity();
    const changes = Array.from({ length: 200 }, (_, at) => `link set vxlan0 mtu ${1400 + at}`).join("\n");
    await host.on(`ip -batch - <<'END'\n${changes}\nEND`);
    await until("the repair", 10_000, async () => (await linkWord("mtu")) === "8950");
    let calls = 0;
    await until("no further run", 10_000, async () => calls === (calls = await activity()), 1_500);
    expect(calls - before).toBeLessThan(40); // A run asks nft four times or so.
  });

  test("goes on after a run that fails, and logs why", async () => {
    await install();
    const journal = await start();
    await host.on("ip address del 10.196.218.222/30 dev eth0; ip link set vxlan0 down");
    await until("the failure", 10_000, () => /carries the underlay address/.test(journal()));
    await host.on("ip address add 10.196.218.222/30 dev eth0; ip link set vxlan0 mtu 1400");
    await until("the repair", 10_000, async () => (await linkWord("mtu")) === "8950");
  });

  test.each([
    ["its MTU", "ip link set vxlan0 mtu 1400", /ip link set dev vxlan0 mtu 8950/],
    [
      "a peer's FDB entry",
      `bridge fdb del ${PEER.mac} dev vxlan0 dst ${PEER.underlayAddress} || true`,
      /bridge fdb replace/,
    ],
  ])(
    "backs off where the repair of %s is undone again and again, and logs once that this begins and once that it ends",
    { timeout: 120_000 },
    async (_, damage, repair) => {
      const interval = 5; // Instead of half a minute.
      await host.on(`sed -i 's/^INTERVAL=25/INTERVAL=${interval}/' /usr/local/lib/oci-vxlan/monitor.sh`);
      await install();
      const cleanTables = await kernel();
      const journal = await start();
      host.start(["bash", "-c", `while :; do ${damage}; sleep 0.05; done`]);
      const lines = (pattern: RegExp) =>
        journal()
          .split("\n")
          .filter((line) => pattern.test(line)).length;
      await until("a warning", 30_000, () => lines(/warning: something undoes/) === 1);
      expect(journal()).toMatch(repair);
      // The first run after the warning logs its lines once more.
      const laterLines = () => journal().split(/something undoes .*/)[1] ?? "";
      await until("a run", interval * 2_000, () => repair.test(laterLines()));
      let calls = 0;
      const isAtRest = async () => calls === (calls = await activity());
      await until("its end", 10_000, isAtRest, 1_000);
      const logged = journal();
      for (let run = 0; run < 2; run++) {
        await until("another run", interval * 2_000, async () => !(await isAtRest()));
        await until("its end", 10_000, isAtRest, 1_000);
      }
      expect(journal()).toBe(logged);
      await host.on("pkill -f '^bash -c while'");
      await until("the end", interval * 4_000, () => lines(/nothing was undone for 5 s/) === 1);
      expect(await kernel()).toBe(cleanTables);
      await expectRepair("ip link set vxlan0 down", 2_000, cleanTables);
      expect([lines(/something undoes/), lines(/nothing was undone/)]).toEqual([1, 1]);
    },
  );
});
