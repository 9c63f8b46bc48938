import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startCloud, stopCloud } from "../../cloud/daemonControl.ts";
import { applyPartitions, changeFaults } from "../../cloud/faults.ts";
import { attempt, until } from "../../system/commands.ts";
import { waitForSsh } from "../../hosts/sshProbe.ts";
import { runInHost } from "../../hosts/exec.ts";
import { removeLab } from "../../cli/teardown.ts";
import { startHosts } from "../../hosts/boot.ts";
import type { Inventory } from "../../hosts/inventory.ts";
import { openLab } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import { inNetwork } from "../../network/network.ts";
import { asOperator } from "../../pulumi/operator.ts";
import { silentProgress } from "../../system/progress.ts";
import { Builder } from "./sdk/builders.ts";
import { Sdk } from "./sdk/client.ts";

/** Answers every datagram and every line, and writes down who asked. */
const ECHO = `
import socket, threading
def seen(text):
    with open("/run/seen", "a") as file:
        file.write(text + "\\n")
def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
    while True:
        data, peer = s.recvfrom(65535)
        seen(f"udp {port} {peer[0]}")
        s.sendto(data, peer)
def serve(peer):
    while data := peer.recv(65535):
        peer.sendall(data)
def tcp(port):
    s = socket.create_server(("", port))
    while True:
        peer, address = s.accept()
        seen(f"tcp {port} {address[0]}")
        threading.Thread(target=serve, args=(peer,), daemon=True).start()
for port in (4789, 5000):
    threading.Thread(target=udp, args=(port,)).start()
threading.Thread(target=tcp, args=(5000,)).start()
`;

/** Sends one datagram or line and waits for the answer. */
const ASK = `
import socket, sys
protocol, address, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if protocol == "tcp":
    s = socket.create_connection((address, port), timeout=1)
else:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, port))
s.settimeout(1)
data = b"x" * size
s.send(data)
sys.exit(0 if s.recv(65535) else 1)
`;

/** One in a subnet of the cloud's VCN range, none of the cloud's. */
const EXISTING: Inventory = {
  old: { address: "10.0.9.2/24", mac: "02:00:17:00:00:09", nic: "ens3" },
};

type Rule = Record<string, unknown>;
const from = (source: string, rule: Rule): Rule => ({ source, ...rule });
const to = (destination: string, rule: Rule): Rule => ({ destination, ...rule });
const udpPort = (port: number, rest: Rule = {}): Rule => ({
  protocol: "17",
  udpOptions: { destinationPortRange: { min: port, max: port } },
  ...rest,
});
const tcpPort = (port: number): Rule => ({
  protocol: "6",
  tcpOptions: { destinationPortRange: { min: port, max: port } },
});
const stateless = { isStateless: true };
const VCN = "10.0.0.0/16";
const ANYWHERE = "0.0.0.0/0";
const OPERATOR = "198.51.100.10/32";

describe("the cloud's network", () => {
  let lab: Lab;
  let sdk: Sdk;
  let make: Builder;
  let vcn: any;
  let way: { gateway: any; table: any };
  /** The list of a and b, and the one of c. */
  let members: any;
  let others: any;
  /** Address by host: a and b share a subnet, c has one of its own; d is in another VCN. */
  const address: Record<string, string> = { a: "10.0.1.10", b: "10.0.1.11", c: "10.0.2.10", d: "10.1.1.10" };
  const publicAddress: Record<string, string> = {};

  const network = (method: string, request: object) => sdk.call("network", method, request);
  const on = (host: string, script: string) => runInHost(lab, host, ["sh", "-ec", script]);
  const router = (script: string) => inNetwork(lab.namespace("router"), script);

  const setRules = (list: any, ingressSecurityRules: Rule[], egressSecurityRules: Rule[]) =>
    network("updateSecurityList", {
      securityListId: list.id,
      updateSecurityListDetails: { ingressSecurityRules, egressSecurityRules },
    });

  /** Whether a host, or the operator, gets an answer from an address. */
  async function asks(who: string, target: string, protocol: "udp" | "tcp", port: number, size = 10) {
    const argv = ["python3", "-c", ASK, protocol, address[target] ?? target, String(port), String(size)];
    if (who === "operator") return (await attempt(asOperator(lab, argv))).exitCode === 0;
    return runInHost(lab, who, argv).then(
      () => true,
      () => false,
    );
  }
  /** Whether one of three askings gets an answer: a busy machine may be late with one. */
  async function answers(...question: Parameters<typeof asks>) {
    for (let times = 0; times < 3; times++) if (await asks(...question)) return true;
    return false;
  }
  const pings = async (who: string, target: string, ...options: string[]) => {
    const argv = ["ping", "-n", "-c1", "-W1", ...options, address[target] ?? target];
    return runInHost(lab, who, argv).then(
      () => true,
      () => false,
    );
  };
  /** What arrived at a host while something was done. */
  async function arrivedAt(host: string, work: () => Promise<unknown>): Promise<string[]> {
    await on(host, ": > /run/seen");
    await work();
    return (await on(host, "cat /run/seen")).split("\n").filter(Boolean);
  }
  /** How many connections to a port are tracked. */
  const tracked = async (port: number) =>
    Number(await router(`grep -c 'dport=${port} ' /proc/net/nf_conntrack || true`));

  beforeAll(async () => {
    await removeLab(openLab("test-network"));
    lab = openLab("test-network");
    await startCloud(lab, silentProgress);
    await startHosts(lab, EXISTING, silentProgress);
    sdk = new Sdk(lab);
    make = new Builder(lab, sdk);
    vcn = await make.vcn(VCN);
    way = await make.wayOut(vcn.id);
    members = await make.securityList(vcn.id, [], []);
    others = await make.securityList(vcn.id, [], []);
    const one = { routeTableId: way.table.id, securityListIds: [members.id] };
    const inner = await make.subnet(vcn.id, "10.0.1.0/24", one);
    const apart = await make.subnet(vcn.id, "10.0.2.0/24", { ...one, securityListIds: [others.id] });
    const elsewhere = await make.vcn("10.1.0.0/16");
    const far = await make.subnet(elsewhere.id, "10.1.1.0/24");
    const subnets: Record<string, any> = { a: inner, b: inner, c: apart, d: far };
    const launched: any[] = [];
    for (const [host, subnet] of Object.entries(subnets))
      launched.push(await make.launch(host, subnet.id, address[host] ?? ""));
    for (const { id } of launched) await make.awaitState(id, "RUNNING");
    for (const [host, own] of Object.entries(address)) {
      await waitForSsh(lab, host, own, "itself");
      await on(host, "systemctl is-system-running --wait >/dev/null || true");
    }
    const { items } = await sdk.call("compute", "listVnicAttachments", { compartmentId: vcn.compartmentId });
    for (const { displayName, vnicId } of items)
      publicAddress[displayName] = (await network("getVnic", { vnicId })).vnic.publicIp;
    for (const host of [...Object.keys(address), "old"]) {
      await on(host, `iptables -I INPUT -j ACCEPT; systemd-run --quiet --unit=echo python3 -u -c '${ECHO}'`);
      await until(`the echo on ${host}`, 10_000, async () => {
        return (await on(host, "ss -lnt")).includes(":5000");
      });
    }
    address["old"] = "10.0.9.2";
  });
  afterAll(async () => {
    (sdk as Sdk | undefined)?.close(); // Where beforeAll failed there is none.
    await removeLab(lab);
  });

  test("without a rule, nothing passes: not within a subnet, not out, not in", async () => {
    expect(await asks("a", "b", "udp", 5000)).toBe(false);
    expect(await asks("a", "b", "tcp", 5000)).toBe(false);
    expect(await pings("a", "b")).toBe(false);
    expect(await pings("a", "198.51.100.10")).toBe(false);
    expect(await asks("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(false);
  });

  describe("a stateful rule", () => {
    beforeAll(() => setRules(members, [from(VCN, udpPort(5000))], [to(VCN, udpPort(5000))]));

    test("lets replies back", async () => {
      expect(await answers("a", "b", "udp", 5000)).toBe(true);
      expect(await tracked(5000)).toBeGreaterThan(0);
    });
    test("lets nothing else in, whatever port it comes from", async () => {
      expect(await asks("a", "b", "udp", 4789)).toBe(false);
      expect(await asks("a", "b", "tcp", 5000)).toBe(false);
    });
    test("counts at both ends: ingress alone is not enough, nor is egress", async () => {
      await setRules(members, [from(VCN, udpPort(5000))], []);
      expect(await asks("a", "b", "udp", 5000)).toBe(false);
      await setRules(members, [], [to(VCN, udpPort(5000))]);
      expect(await asks("a", "b", "udp", 5000)).toBe(false);
    });
    test("speaks of the addresses that it names", async () => {
      await setRules(members, [from("10.0.1.10/32", udpPort(5000))], [to(VCN, { protocol: "all" })]);
      expect(await answers("a", "b", "udp", 5000)).toBe(true);
      expect(await asks("b", "a", "udp", 5000)).toBe(false);
    });
    test("for ICMP speaks of a type", async () => {
      const echo = { protocol: "1", icmpOptions: { type: 8 } };
      await setRules(members, [from(VCN, echo)], [to(VCN, echo)]);
      expect(await pings("a", "b")).toBe(true);
      expect(await asks("a", "b", "udp", 5000)).toBe(false);
    });
    test("taken away, it stops its open connections at once", async () => {
      await setRules(members, [from(VCN, tcpPort(5000))], [to(VCN, tcpPort(5000))]);
      const talk = `
import socket, sys, time
s = socket.create_connection(("${address["b"]}", 5000), timeout=1)
end = time.time() + 30
while time.time() < end:
    s.send(b"x")
    s.recv(10)
    print("answered", flush=True)
    time.sleep(0.05)
`;
      await on("a", `systemd-run --quiet --unit=talk sh -c 'python3 -u -c "$0" >/run/talk 2>&1' '${talk}'`);
      const lines = async () => (await on("a", "grep -c answered /run/talk || true")).trim();
      await until("the talk", 10_000, async () => Number(await lines()) > 2);
      await setRules(members, [], [to(VCN, tcpPort(5000))]);
      await until("its end", 3_000, async () => (await on("a", "cat /run/talk")).includes("timed out"));
    });
  });

  describe("a stateless rule", () => {
    const both = [udpPort(4789, stateless)];

    test("by destination port in both directions carries VXLAN, and tracks no connection", async () => {
      await setRules(
        members,
        both.map((rule) => from(VCN, rule)),
        both.map((rule) => to(VCN, rule)),
      );
      const arrived = await arrivedAt("b", () => asks("a", "b", "udp", 4789));
      expect(arrived).toEqual(["udp 4789 10.0.1.10"]);
      expect(await tracked(4789)).toBe(0);
    });
    test("lets no reply back that no rule speaks of", async () => {
      expect(await asks("a", "b", "udp", 4789)).toBe(false); // The reply goes to another port.
      const ask = udpPort(5000, stateless);
      const reply = {
        protocol: "17",
        udpOptions: { sourcePortRange: { min: 5000, max: 5000 } },
        ...stateless,
      };
      await setRules(members, [from(VCN, ask), from(VCN, reply)], [to(VCN, ask), to(VCN, reply)]);
      expect(await answers("a", "b", "udp", 5000)).toBe(true);
    });
    test("counts where a stateful one speaks of the same packets", async () => {
      const [plain, own] = [udpPort(5000), udpPort(5000, stateless)];
      await setRules(members, [from(VCN, plain), from(VCN, own)], [to(VCN, plain)]);
      expect(await asks("a", "b", "udp", 5000)).toBe(false);
    });
    test("at one end goes with a stateful one at the other", async () => {
      await setRules(members, [], [to(VCN, udpPort(5000))]);
      const reply = {
        protocol: "17",
        udpOptions: { sourcePortRange: { min: 5000, max: 5000 } },
        ...stateless,
      };
      await setRules(others, [from(VCN, udpPort(5000, stateless))], []);
      expect(await asks("a", "c", "udp", 5000)).toBe(false);
      await setRules(others, [from(VCN, udpPort(5000, stateless))], [to(VCN, reply)]);
      expect(await answers("a", "c", "udp", 5000)).toBe(true);
      await setRules(others, [], []);
    });
    test("of a port drops the later fragments of a packet; one of a protocol does not", async () => {
      const large = 20_000;
      await setRules(members, [from(VCN, udpPort(5000))], [to(VCN, udpPort(5000))]);
      expect(await asks("a", "b", "udp", 5000, large)).toBe(false);
      await setRules(members, [from(VCN, { protocol: "17" })], [to(VCN, { protocol: "17" })]);
      expect(await answers("a", "b", "udp", 5000, large)).toBe(true);
    });
  });

  test("a host outside the list reaches nothing, and is reached by nothing", async () => {
    const all = { protocol: "all" };
    await setRules(members, [from("10.0.1.0/24", all)], [to("10.0.1.0/24", all)]);
    await setRules(others, [from(ANYWHERE, all)], [to(ANYWHERE, all)]);
    expect(await answers("a", "b", "tcp", 5000)).toBe(true);
    for (const [one, other] of [
      ["c", "a"],
      ["c", "b"],
      ["a", "c"],
    ] as const)
      expect([one, other, await asks(one, other, "tcp", 5000)]).toEqual([one, other, false]);
  });

  test("the lists of a subnet add up, and can be exchanged", async () => {
    const list = await make.securityList(
      vcn.id,
      [from(VCN, { protocol: "all" })],
      [to(VCN, { protocol: "all" })],
    );
    const { items } = await network("listSubnets", { compartmentId: vcn.compartmentId, vcnId: vcn.id });
    const inner = items.find(({ cidrBlock }: any) => cidrBlock === "10.0.1.0/24");
    const setLists = (...securityListIds: string[]) =>
      network("updateSubnet", { subnetId: inner.id, updateSubnetDetails: { securityListIds } });
    await setLists(members.id, list.id);
    expect(await answers("c", "a", "tcp", 5000)).toBe(true);
    await setLists(members.id);
    expect(await asks("c", "a", "tcp", 5000)).toBe(false);
  });

  describe("with every rule open", () => {
    const all = { protocol: "all" };
    beforeAll(async () => {
      for (const list of [members, others]) await setRules(list, [from(ANYWHERE, all)], [to(ANYWHERE, all)]);
    });

    test("9000 bytes pass inside, 1500 outside", async () => {
      expect(await pings("a", "c", "-M", "do", "-s", "8972")).toBe(true);
      expect(await pings("a", "198.51.100.10", "-M", "do", "-s", "1472")).toBe(true);
      expect(await pings("a", "198.51.100.10", "-M", "do", "-s", "1473")).toBe(false);
    });

    test("a source address not the VNIC's goes nowhere", async () => {
      await on("a", "ip address add 10.0.1.77/32 dev lo");
      expect(await pings("a", "b", "-I", "10.0.1.77")).toBe(false);
      await on("a", "ip address add 10.0.1.11/32 dev lo; ip address del 10.0.1.11/32 dev lo");
      expect(await router("nft list counter inet ocivx_cloud spoofed")).toMatch(/packets [1-9]/);
    });

    test("multicast, broadcast and GRE go nowhere", async () => {
      const send = (target: string, protocol: number) =>
        on(
          "a",
          `python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, ${protocol})
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
[s.sendto(b'x' * 64, ('${target}', 0)) for _ in range(3)]"`,
        );
      await on(
        "b",
        "nft 'add table inet seen; add chain inet seen c { type filter hook prerouting priority -400; }'",
      );
      const seen = async (match: string, work: () => Promise<unknown>): Promise<number> => {
        await on("b", `nft flush chain inet seen c; nft add rule inet seen c ${match} counter`);
        await work();
        expect(await pings("a", "b")).toBe(true);
        return Number(/packets (\d+)/.exec(await on("b", "nft list chain inet seen c"))?.[1]);
      };
      expect(await seen("ip protocol 253", () => send("10.0.1.11", 253))).toBe(3);
      expect(await seen("ip protocol gre", () => send("10.0.1.11", 47))).toBe(0);
      expect(await seen("ip daddr 239.1.1.1", () => send("239.1.1.1", 253))).toBe(0);
      expect(await seen("ip daddr 255.255.255.255", () => send("255.255.255.255", 253))).toBe(0);
      expect(await seen("ip daddr 10.0.1.255", () => send("10.0.1.255", 253))).toBe(0);
    });

    test("another VCN is another world", async () => {
      expect(await asks("a", "d", "tcp", 5000)).toBe(false);
      expect(await asks("d", "a", "tcp", 5000)).toBe(false);
    });

    test("a host that existed before is reached, behind the instance's own list", async () => {
      expect(await answers("a", "old", "tcp", 5000)).toBe(true);
      expect(await answers("old", "a", "tcp", 5000)).toBe(true);
      await setRules(members, [from(VCN, udpPort(5000))], [to(ANYWHERE, all)]);
      expect(await asks("old", "a", "tcp", 5000)).toBe(false);
      expect(await answers("old", "a", "udp", 5000)).toBe(true);
    });

    test("a host that is cut off is alone until it is healed", async () => {
      await setRules(members, [from(ANYWHERE, all)], [to(ANYWHERE, all)]);
      const cut = async (...hosts: string[]) => {
        changeFaults(lab, (faults) => (faults.partitioned = hosts));
        await applyPartitions(lab);
      };
      await cut("b", "old");
      for (const other of ["b", "old"]) {
        expect([other, await pings("a", other)]).toEqual([other, false]);
        expect([other, await pings(other, "a")]).toEqual([other, false]);
      }
      await cut();
      for (const other of ["b", "old"]) expect([other, await pings("a", other)]).toEqual([other, true]);
    });
  });

  describe("to the outside", () => {
    beforeAll(() => setRules(members, [from(OPERATOR, tcpPort(5000))], [to(ANYWHERE, { protocol: "all" })]));

    test("an instance is reached by its public address and no other", async () => {
      expect(await answers("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
      expect(await asks("operator", "a", "tcp", 5000)).toBe(false);
    });
    test("it is seen by it, too: one address inside for one outside", async () => {
      const listen =
        "import socket; s = socket.create_server(('', 6000)); s.settimeout(10); print(s.accept()[1][0])";
      const seen = attempt(asOperator(lab, ["python3", "-c", listen]));
      const ask = () => on("a", "timeout 1 bash -c '</dev/tcp/198.51.100.10/6000'");
      await until("the call from a", 8_000, () =>
        ask().then(
          () => true,
          () => false,
        ),
      );
      expect((await seen).stdout).toBe(publicAddress["a"]);
    });
    test("the port of another list's rule stays shut", async () => {
      expect(await asks("operator", publicAddress["a"] ?? "", "udp", 5000)).toBe(false);
    });
    test("an internet gateway that is turned off carries nothing", async () => {
      const turn = (isEnabled: boolean) =>
        network("updateInternetGateway", {
          igId: way.gateway.id,
          updateInternetGatewayDetails: { isEnabled },
        });
      await turn(false);
      expect(await asks("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(false);
      expect(await pings("a", "198.51.100.10")).toBe(false);
      await turn(true);
      expect(await answers("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
    });
    test("without a route to it, it carries nothing either", async () => {
      const route = (routeRules: Rule[]) =>
        network("updateRouteTable", { rtId: way.table.id, updateRouteTableDetails: { routeRules } });
      await route([]);
      expect(await asks("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(false);
      const rule = { destinationType: "CIDR_BLOCK", networkEntityId: way.gateway.id };
      await route([
        { ...rule, destination: ANYWHERE },
        { ...rule, destination: "198.51.100.0/24" },
      ]);
      expect(await answers("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
    });
  });

  test("the rules are those of the books after the cloud was killed and started again", async () => {
    await stopCloud(lab);
    expect(await answers("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
    await router("nft delete table inet ocivx_cloud");
    await startCloud(lab, silentProgress);
    expect(await answers("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
    expect(await asks("operator", publicAddress["a"] ?? "", "udp", 5000)).toBe(false);
  });

  test("the router's rules leave the machine's own alone", async () => {
    const { stdout } = await attempt(["nft", "list", "tables"]);
    expect(stdout).not.toContain("ocivx");
  });
});
