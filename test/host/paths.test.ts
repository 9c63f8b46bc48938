import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { PROGRAM } from "../../components/vxlan/phases/phase.ts";
import { until } from "../../lab/system/commands.ts";
import { openLab } from "../../lab/system/lab.ts";
import { debianPackage } from "../debianPackage.ts";
import {
  HOST,
  OTHER,
  OVERLAY,
  PEER,
  device,
  host,
  install,
  peers,
  remove,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

const WITH_PATH_PROBES = { settings: { pathProbes: true } };

const METRICS = `/run/oci-vxlan-metrics/${OVERLAY}.prom`;

/** A peer behind the host's NIC: a network namespace with a VXLAN device that was set up by hand. */
async function makePeer(mac: string): Promise<void> {
  await host.on(`
    mkdir -p /run/netns
    ip netns add far
    ip link add far0 mtu 9000 type veth peer name eth0 netns far
    ip link set far0 master eth0 up
    ip route replace ${PEER.underlayAddress} dev eth0
    ip -n far link set lo up
    ip -n far link set eth0 mtu 9000 up
    ip -n far address add ${PEER.underlayAddress}/32 dev eth0
    ip -n far route add ${HOST.underlayAddress} dev eth0
    ip -n far link add vxlan0 address ${PEER.mac} mtu 8950 type vxlan id 100 dstport 4789 local ${PEER.underlayAddress} nolearning
    ip -n far link set vxlan0 up
    ip -n far address add ${PEER.overlayAddresses[0]}/24 dev vxlan0
    bridge -n far fdb append ${mac} dev vxlan0 dst ${HOST.underlayAddress}
    ip -n far neigh add ${HOST.overlayAddresses[0]} lladdr ${mac} dev vxlan0`);
}

/** Starts the unit's command, with periods of a second for the probes. Returns its log. */
async function startUnit(share = ""): Promise<() => string> {
  const file = "/usr/local/lib/oci-vxlan/paths.sh";
  await host.on(`sed -i 's/^PROBE_PERIOD=54/PROBE_PERIOD=1/; s/^PROBE_SHARE=50/${share || "&"}/' ${file}`);
  return host.start([PROGRAM, "run", OVERLAY]);
}

interface Path {
  peer: string;
  address: string;
  state: string;
  stateChanged: number;
  lastAnswer: number | null;
  roundTripMs: number | null;
}

interface Status {
  inSync: boolean;
  link: string;
  mtu: number;
  mac: string;
  addresses: string[];
  underlay: string;
  nic: string;
  unit: string;
  differences: string[];
  warnings: string[];
  lastRepair: { time: number; repair: string } | null;
  received: { bytes: number };
  sent: { bytes: number };
  paths: Path[] | null;
}

async function status(): Promise<{ exitCode: number | undefined; report: Status }> {
  const { exitCode, stdout } = await host.program(["status", OVERLAY, "--json"]);
  return { exitCode, report: JSON.parse(stdout) as Status };
}

const pathTo = async (address: string) =>
  (await status()).report.paths?.find((path) => path.address === address);

const untilNoProbes = () =>
  until("no path is probed", 60_000, async () => (await status()).report.paths === null);

const untilPath = (address: string, state: string) =>
  until(`path to ${address} is ${state}`, 60_000, async () => (await pathTo(address))?.state === state);

describe("the paths to the peers", () => {
  test("are probed, and what breaks and heals is logged once and shown", async () => {
    const { mac } = await install(WITH_PATH_PROBES);
    await makePeer(mac);
    const log = await startUnit();
    await untilPath("192.168.0.2", "up");
    const { exitCode, report } = await status();
    expect(report.warnings).toEqual([]);
    expect(exitCode).toBe(0);
    expect(report).toMatchObject({
      inSync: true,
      link: "up",
      mtu: 8950,
      mac,
      addresses: ["192.168.0.1/24"],
      underlay: HOST.underlayAddress,
      nic: "eth0",
      unit: "active",
      differences: [],
    });
    expect(report.sent.bytes).toBeGreaterThan(8_000);
    expect((await pathTo("192.168.0.2"))?.roundTripMs).toBeGreaterThan(0);

    await host.on("ip -n far link set eth0 mtu 1500");
    await untilPath("192.168.0.2", "small");
    await host.on("ip -n far link set vxlan0 down");
    await untilPath("192.168.0.2", "down");
    expect((await status()).exitCode).toBe(1);
    expect((await pathTo("192.168.0.2"))?.roundTripMs).toBeNull();
    await host.on(`
      ip -n far link set eth0 mtu 9000
      ip -n far link set vxlan0 mtu 8950 up
      ip -n far neigh replace ${HOST.overlayAddresses[0]} lladdr ${mac} dev vxlan0`);
    await untilPath("192.168.0.2", "up");
    const lines = (log().match(/the path to .*/g) ?? []).map((line) => line.replace(/\d+ s$/, "N s"));
    expect([...lines.slice(0, 2), lines.at(-1)]).toEqual([
      "the path to host02 (192.168.0.2) is broken: small packets pass, and those of 8950 bytes do not. Run pulumi up to see why",
      "the path to host02 (192.168.0.2) is broken: nothing comes back. Run pulumi up to see why",
      "the path to host02 (192.168.0.2) is whole again, after N s",
    ]);
  });

  test("are whole as soon as a NIC whose MTU was lowered has it again", async () => {
    const { mac } = await install(WITH_PATH_PROBES);
    await makePeer(mac);
    await startUnit();
    await untilPath("192.168.0.2", "up");
    await host.on("ip link set eth0 mtu 1500");
    await untilPath("192.168.0.2", "small");
    expect(await host.on("ip route get 192.168.0.2")).not.toContain("mtu");
    await host.on("ip link set eth0 mtu 9000");
    await untilPath("192.168.0.2", "up");
  });

  test("are forgotten with their peers, and not probed where the config says so", async () => {
    const { installation, mac } = await install(WITH_PATH_PROBES);
    await makePeer(mac);
    await startUnit();
    await untilPath("192.168.0.2", "up");
    await peers(installation, [OTHER]);
    await untilPath("192.168.0.3", "down");
    expect(await pathTo("192.168.0.2")).toBeUndefined();
    await device();
    await untilNoProbes();
    expect(await host.on("cat /run/oci-vxlan/lab.overlay/paths 2>&1 || true")).toContain("No such file");
    await device(WITH_PATH_PROBES);
    await untilPath("192.168.0.3", "down");
  });

  test("take turns where there are more than fit into a period", async () => {
    const list = Array.from({ length: 7 }, (_, index) => ({
      ...PEER,
      name: `peer${index}`,
      mac: `5e:00:00:00:00:0${index}`,
      underlayAddress: `10.196.219.${index + 1}`,
      overlayAddresses: [`192.168.0.${index + 10}`],
    }));
    await install(WITH_PATH_PROBES, list);
    await host.on("ip address add 192.168.0.10/32 dev lo; ip address add 192.168.0.16/32 dev lo");
    await startUnit("PROBE_SHARE=3");
    await until("all are probed", 60_000, async () => (await status()).report.paths?.length === 7);
    const passingPaths = (await status()).report.paths?.filter(({ state }) => state === "up");
    expect(passingPaths?.map(({ peer }) => peer).sort()).toEqual(["peer0", "peer6"]);
  });
});

describe("the status of the overlay on a host", () => {
  test("shows people what is wrong, what was repaired and what is warned of", async () => {
    await install(WITH_PATH_PROBES);
    await startUnit();
    await untilPath("192.168.0.2", "down");
    await host.on("ip link set vxlan0 down");
    await until("repaired", 20_000, async () => (await status()).report.lastRepair !== null);
    await host.on("echo 'port \"4789\" \\ is \tcontested' >/run/oci-vxlan/lab.overlay/warned-test");
    const { report, exitCode } = await status();
    expect(exitCode).toBe(1);
    expect(report.lastRepair?.repair).toContain("ip link set dev vxlan0 up # it was down");
    expect(report.warnings).toEqual(['port "4789" \\ is contested']);
    const { stdout } = await host.program(["status", OVERLAY]);
    expect(stdout.replace(/\d+ s\b/g, "N s").replace(/\d+ bytes/g, "N bytes")).toMatch(
      /^overlay {6}lab\.overlay, release \d+\.\d+\.\S+, version \d+ of the program\ndevice {7}vxlan0 is up, MAC \S+, MTU 8950, VNI 100, port 4789\naddress {6}192\.168\.0\.1\/24\nunderlay {5}10\.196\.218\.222 on eth0\nunit {9}active, enabled\nin sync {6}yes, since N s\nlast repair {2}N s ago: ip link set dev vxlan0 up # it was down\nwarning {6}port "4789" \\ is contested\nreceived {5}N bytes, \d+ errors, \d+ dropped\nsent {9}N bytes, \d+ errors, \d+ dropped\npaths {8}0 of 1 pass\n\npeer .*\nhost02 +192\.168\.0\.2 +broken +- +never$/,
    );
  });

  test("says what differs, while nothing repairs it", async () => {
    await install(WITH_PATH_PROBES);
    await host.on("ip link set vxlan0 mtu 1400");
    const { report, exitCode } = await status();
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ inSync: false, mtu: 1400 });
    expect(report.differences.join("\n")).toContain("mtu 1400");
    await host.on("ip link del vxlan0");
    expect((await status()).report).toMatchObject({ link: null, mac: null, mtu: null, inSync: false });
  });

  test("is refused for what is no overlay, and for other words than --json", async () => {
    await install(WITH_PATH_PROBES);
    expect((await host.program(["status", "none"])).stderr).toContain("overlay none is not set up on");
    expect((await host.program(["status", OVERLAY, "--yaml"])).exitCode).toBe(2);
  });

  test("goes on where the clock was set back by a year", async () => {
    await install();
    const pause =
      "timeout 5 bash -c '. /usr/local/lib/oci-vxlan/paths.sh; exec {SILENCE}<>/run/silence; sleep_tenths 315360000'";
    expect(await host.on(`mkfifo /run/silence; ${pause} && echo went on`)).toBe("went on");
  });

  test("is there for every monitoring as metrics that Prometheus has nothing to say against", async () => {
    const { mac } = await install(WITH_PATH_PROBES);
    await makePeer(mac);
    await startUnit();
    await untilPath("192.168.0.2", "up");
    const metrics = await host.on(`setpriv --reuid nobody --clear-groups cat ${METRICS}`);
    const prometheus = await debianPackage(openLab("main").cache, "prometheus");
    const { exitCode, all } = await execa(join(prometheus, "usr/bin/promtool"), ["check", "metrics"], {
      input: `${metrics}\n`,
      all: true,
      reject: false,
    });
    expect(all).toBe("");
    expect(exitCode).toBe(0);
    expect(metrics).toContain('oci_vxlan_in_sync{overlay="lab.overlay"} 1');
    expect(metrics).toContain(
      'oci_vxlan_path_up{overlay="lab.overlay",peer="host02",address="192.168.0.2"} 1',
    );
    expect(metrics).toMatch(/oci_vxlan_path_round_trip_seconds\{[^}]*\} 0?\.?\d/);
    await device();
    await until(
      "the end of stale metrics",
      40_000,
      async () => (await host.on(`ls ${METRICS} || true`)) === "",
    );
    // As systemd does in the removal.
    await host.on("kill $(pgrep -of '[o]ci-vxlan run')");
    await until(
      "the end of the unit",
      20_000,
      async () => (await host.on("pgrep -f '[o]ci-vxlan run' || true")) === "",
    );
    await remove();
    expect(await host.on("ls -d /run/oci-vxlan* 2>/dev/null || true")).toBe("");
  });
});
