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

/** Echoes datagrams and TCP data, and logs the sender of each to /run/seen. */
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

/** Sends bytes by UDP or TCP and waits for the echo. */
const SEND = `
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

/** An existing host, which is no instance, with an address in the VCN's block. */
const EXISTING_HOSTS: Inventory = {
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
  let access: { gateway: any; table: any };
  /** The Security List of a and b, and the one of c. */
  let members: any;
  let secondList: any;
  /** The subnet of c. */
  let apartId: string;
  /** Address by host: a and b share a subnet, c has its own, d is in another VCN. */
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

  /** Whether a host, or the operator, gets an echo from an address. */
  async function reaches(sender: string, target: string, protocol: "udp" | "tcp", port: number, size = 10) {
    const argv = ["python3", "-c", SEND, protocol, address[target] ?? target, String(port), String(size)];
    if (sender === "operator") return (await attempt(asOperator(lab, argv))).exitCode === 0;
    return runInHost(lab, sender, argv).then(
      () => true,
      () => false,
    );
  }
  /** Tries three times, since a busy machine may be late with an echo. */
  async function eventuallyReaches(...args: Parameters<typeof reaches>) {
    for (let times = 0; times < 3; times++) if (await reaches(...args)) return true;
    return false;
  }
  const pings = async (sender: string, target: string, ...options: string[]) => {
    const argv = ["ping", "-n", "-c1", "-W1", ...options, address[target] ?? target];
    return runInHost(lab, sender, argv).then(
      () => true,
      () => false,
    );
  };
  /** The senders that reached a host during an action. */
  async function sendersAt(host: string, action: () => Promise<unknown>): Promise<string[]> {
    await on(host, ": > /run/seen");
    await action();
    return (await on(host, "cat /run/seen")).split("\n").filter(Boolean);
  }
  /** The address from which a host's connection to the operator comes. */
  async function sourceOutside(host: string): Promise<string> {
    const listen =
      "import socket; s = socket.create_server(('', 6000)); s.settimeout(30); print(s.accept()[1][0])";
    const source = attempt(asOperator(lab, ["python3", "-c", listen]));
    const connect = () => on(host, "timeout 1 bash -c '</dev/tcp/198.51.100.10/6000'");
    await until(`a connection from ${host}`, 25_000, () =>
      connect().then(
        () => true,
        () => false,
      ),
    );
    return (await source).stdout;
  }
  /** The number of tracked connections to a port. */
  const trackedConnections = async (port: number) =>
    Number(await router(`grep -c 'dport=${port} ' /proc/net/nf_conntrack || true`));

  beforeAll(async () => {
    await removeLab(openLab("test-network"));
    lab = openLab("test-network");
    await startCloud(lab, silentProgress);
    await startHosts(lab, EXISTING_HOSTS, silentProgress);
    sdk = new Sdk(lab);
    make = new Builder(lab, sdk);
    vcn = await make.vcn(VCN);
    access = await make.internetAccess(vcn.id);
    members = await make.securityList(vcn.id, [], []);
    secondList = await make.securityList(vcn.id, [], []);
    const subnetOptions = { routeTableId: access.table.id, securityListIds: [members.id] };
    const firstSubnet = await make.subnet(vcn.id, "10.0.1.0/24", subnetOptions);
    const secondSubnet = await make.subnet(vcn.id, "10.0.2.0/24", {
      ...subnetOptions,
      securityListIds: [secondList.id],
    });
    apartId = secondSubnet.id;
    const secondVcn = await make.vcn("10.1.0.0/16");
    const subnetOfSecondVcn = await make.subnet(secondVcn.id, "10.1.1.0/24");
    const subnets: Record<string, any> = {
      a: firstSubnet,
      b: firstSubnet,
      c: secondSubnet,
      d: subnetOfSecondVcn,
    };
    const launchedInstances: any[] = [];
    for (const [host, subnet] of Object.entries(subnets))
      launchedInstances.push(await make.launch(host, subnet.id, address[host] ?? ""));
    for (const { id } of launchedInstances) await make.awaitState(id, "RUNNING");
    for (const [host, hostAddress] of Object.entries(address)) {
      await waitForSsh(lab, host, hostAddress, "itself");
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
    (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    await removeLab(lab);
  });

  test("without a rule, no packet passes: not within a subnet, not out, not in", async () => {
    expect(await reaches("a", "b", "udp", 5000)).toBe(false);
    expect(await reaches("a", "b", "tcp", 5000)).toBe(false);
    expect(await pings("a", "b")).toBe(false);
    expect(await pings("a", "198.51.100.10")).toBe(false);
    expect(await reaches("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(false);
  });

  describe("a stateful rule", () => {
    beforeAll(() => setRules(members, [from(VCN, udpPort(5000))], [to(VCN, udpPort(5000))]));

    test("lets replies back", async () => {
      expect(await eventuallyReaches("a", "b", "udp", 5000)).toBe(true);
      expect(await trackedConnections(5000)).toBeGreaterThan(0);
    });
    test("lets nothing else in", async () => {
      expect(await reaches("a", "b", "udp", 4789)).toBe(false);
      expect(await reaches("a", "b", "tcp", 5000)).toBe(false);
    });
    test("is needed at both ends: neither ingress nor egress alone is enough", async () => {
      await setRules(members, [from(VCN, udpPort(5000))], []);
      expect(await reaches("a", "b", "udp", 5000)).toBe(false);
      await setRules(members, [], [to(VCN, udpPort(5000))]);
      expect(await reaches("a", "b", "udp", 5000)).toBe(false);
    });
    test("allows only the addresses in its CIDR", async () => {
      await setRules(members, [from("10.0.1.10/32", udpPort(5000))], [to(VCN, { protocol: "all" })]);
      expect(await eventuallyReaches("a", "b", "udp", 5000)).toBe(true);
      expect(await reaches("b", "a", "udp", 5000)).toBe(false);
    });
    test("for ICMP allows only its type", async () => {
      const echo = { protocol: "1", icmpOptions: { type: 8 } };
      await setRules(members, [from(VCN, echo)], [to(VCN, echo)]);
      expect(await pings("a", "b")).toBe(true);
      expect(await reaches("a", "b", "udp", 5000)).toBe(false);
    });
    test("stops its open connections at once when it is removed", async () => {
      await setRules(members, [from(VCN, tcpPort(5000))], [to(VCN, tcpPort(5000))]);
      const exchange = `
import socket, sys, time
s = socket.create_connection(("${address["b"]}", 5000), timeout=1)
end = time.time() + 30
while time.time() < end:
    s.send(b"x")
    s.recv(10)
    print("answered", flush=True)
    time.sleep(0.05)
`;
      await on(
        "a",
        `systemd-run --quiet --unit=exchange sh -c 'python3 -u -c "$0" >/run/exchange 2>&1' '${exchange}'`,
      );
      const lines = async () => (await on("a", "grep -c answered /run/exchange || true")).trim();
      await until("the exchange", 10_000, async () => Number(await lines()) > 2);
      await setRules(members, [], [to(VCN, tcpPort(5000))]);
      await until("its end", 3_000, async () => (await on("a", "cat /run/exchange")).includes("timed out"));
    });
  });

  describe("a stateless rule", () => {
    const statelessRules = [udpPort(4789, stateless)];

    test("by destination port in both directions carries VXLAN, and tracks no connection", async () => {
      await setRules(
        members,
        statelessRules.map((rule) => from(VCN, rule)),
        statelessRules.map((rule) => to(VCN, rule)),
      );
      const senders = await sendersAt("b", () => reaches("a", "b", "udp", 4789));
      expect(senders).toEqual(["udp 4789 10.0.1.10"]);
      expect(await trackedConnections(4789)).toBe(0);
    });
    test("lets no reply back without a rule for the reply", async () => {
      expect(await reaches("a", "b", "udp", 4789)).toBe(false); // The reply goes to another port.
      const request = udpPort(5000, stateless);
      const reply = {
        protocol: "17",
        udpOptions: { sourcePortRange: { min: 5000, max: 5000 } },
        ...stateless,
      };
      await setRules(members, [from(VCN, request), from(VCN, reply)], [to(VCN, request), to(VCN, reply)]);
      expect(await eventuallyReaches("a", "b", "udp", 5000)).toBe(true);
    });
    test("counts where a stateful rule matches the same packets", async () => {
      const [statefulPort, statelessPort] = [udpPort(5000), udpPort(5000, stateless)];
      await setRules(members, [from(VCN, statefulPort), from(VCN, statelessPort)], [to(VCN, statefulPort)]);
      expect(await reaches("a", "b", "udp", 5000)).toBe(false);
    });
    test("at one end works with a stateful one at the other", async () => {
      await setRules(members, [], [to(VCN, udpPort(5000))]);
      const reply = {
        protocol: "17",
        udpOptions: { sourcePortRange: { min: 5000, max: 5000 } },
        ...stateless,
      };
      await setRules(secondList, [from(VCN, udpPort(5000, stateless))], []);
      expect(await reaches("a", "c", "udp", 5000)).toBe(false);
      await setRules(secondList, [from(VCN, udpPort(5000, stateless))], [to(VCN, reply)]);
      expect(await eventuallyReaches("a", "c", "udp", 5000)).toBe(true);
      await setRules(secondList, [], []);
    });
    test("for a port drops later fragments of a packet; one for a protocol does not", async () => {
      const large = 20_000;
      await setRules(members, [from(VCN, udpPort(5000))], [to(VCN, udpPort(5000))]);
      expect(await reaches("a", "b", "udp", 5000, large)).toBe(false);
      await setRules(members, [from(VCN, { protocol: "17" })], [to(VCN, { protocol: "17" })]);
      expect(await eventuallyReaches("a", "b", "udp", 5000, large)).toBe(true);
    });
  });

  test("a host outside the list reaches no member, and no member reaches it", async () => {
    const all = { protocol: "all" };
    await setRules(members, [from("10.0.1.0/24", all)], [to("10.0.1.0/24", all)]);
    await setRules(secondList, [from(ANYWHERE, all)], [to(ANYWHERE, all)]);
    expect(await eventuallyReaches("a", "b", "tcp", 5000)).toBe(true);
    for (const [one, other] of [
      ["c", "a"],
      ["c", "b"],
      ["a", "c"],
    ] as const)
      expect([one, other, await reaches(one, other, "tcp", 5000)]).toEqual([one, other, false]);
  });

  test("the lists of a subnet add up, and can be changed", async () => {
    const list = await make.securityList(
      vcn.id,
      [from(VCN, { protocol: "all" })],
      [to(VCN, { protocol: "all" })],
    );
    const { items } = await network("listSubnets", { compartmentId: vcn.compartmentId, vcnId: vcn.id });
    const firstSubnet = items.find(({ cidrBlock }: any) => cidrBlock === "10.0.1.0/24");
    const setLists = (...securityListIds: string[]) =>
      network("updateSubnet", { subnetId: firstSubnet.id, updateSubnetDetails: { securityListIds } });
    await setLists(members.id, list.id);
    expect(await eventuallyReaches("c", "a", "tcp", 5000)).toBe(true);
    await setLists(members.id);
    expect(await reaches("c", "a", "tcp", 5000)).toBe(false);
  });

  describe("network security groups", () => {
    const OF_GROUP = "NETWORK_SECURITY_GROUP";
    const tcp = tcpPort(5000);
    const ingress = (source: string, sourceType: string, rule = tcp): Rule => ({
      direction: "INGRESS",
      ...{ source, sourceType, ...rule },
    });
    const egress = (destination: string, destinationType: string, rule = tcp): Rule => ({
      direction: "EGRESS",
      ...{ destination, destinationType, ...rule },
    });
    /** The group's VNICs, by the names of their instances, and the group. */
    let group: any;
    let vnicIds: Record<string, string>;
    const setGroups = (host: string, ...nsgIds: string[]) =>
      network("updateVnic", { vnicId: vnicIds[host], updateVnicDetails: { nsgIds } });
    const addRules = (...securityRules: Rule[]) =>
      network("addNetworkSecurityGroupSecurityRules", {
        networkSecurityGroupId: group.id,
        addNetworkSecurityGroupSecurityRulesDetails: { securityRules },
      });

    beforeAll(async () => {
      for (const list of [members, secondList]) await setRules(list, [], []);
      const { items } = await sdk.call("compute", "listVnicAttachments", {
        compartmentId: vcn.compartmentId,
      });
      vnicIds = Object.fromEntries(items.map(({ displayName, vnicId }: any) => [displayName, vnicId]));
      group = await make.securityGroup(vcn.id, []);
      for (const host of ["a", "c"]) await setGroups(host, group.id);
    });

    test("let nothing pass without a rule, and its members reach each other by one about the group", async () => {
      expect(await reaches("a", "c", "tcp", 5000)).toBe(false);
      await addRules(ingress(group.id, OF_GROUP), egress(group.id, OF_GROUP));
      expect(await eventuallyReaches("a", "c", "tcp", 5000)).toBe(true);
      for (const [one, other] of [
        ["b", "a"],
        ["a", "b"],
      ] as const)
        expect([one, other, await reaches(one, other, "tcp", 5000)]).toEqual([one, other, false]);
    });
    test("add to the lists of the subnet", async () => {
      await setRules(members, [], [to(VCN, tcp)]);
      expect(await reaches("b", "a", "tcp", 5000)).toBe(false);
      await addRules(ingress("10.0.1.11/32", "CIDR_BLOCK"));
      expect(await eventuallyReaches("b", "a", "tcp", 5000)).toBe(true);
      expect(await eventuallyReaches("a", "c", "tcp", 5000)).toBe(true);
    });
    test("carry VXLAN by stateless rules, which track no connection", async () => {
      const vxlan = udpPort(4789, stateless);
      await addRules(ingress(group.id, OF_GROUP, vxlan), egress(group.id, OF_GROUP, vxlan));
      const senders = await sendersAt("c", () => reaches("a", "c", "udp", 4789));
      expect(senders).toContain("udp 4789 10.0.1.10");
      expect(await trackedConnections(4789)).toBe(0);
    });
    test("show their VNICs, and cannot be deleted meanwhile", async () => {
      const networkSecurityGroupId = group.id;
      const { items } = await network("listNetworkSecurityGroupVnics", { networkSecurityGroupId });
      expect(items.map(({ vnicId }: any) => vnicId).sort()).toEqual([vnicIds["a"], vnicIds["c"]].sort());
      const refusal = await sdk.refusal("network", "deleteNetworkSecurityGroup", { networkSecurityGroupId });
      expect([refusal.status, refusal.code]).toEqual([409, "Conflict"]);
    });
    test("of a VNIC are five at most, and in its VCN", async () => {
      const groups = await Promise.all([1, 2, 3, 4, 5].map(() => make.securityGroup(vcn.id, [])));
      const ids = groups.map(({ id }) => id);
      const update = (host: string, nsgIds: string[]) => ({
        vnicId: vnicIds[host],
        updateVnicDetails: { nsgIds },
      });
      const sixGroupsRefusal = await sdk.refusal("network", "updateVnic", update("b", [group.id, ...ids]));
      expect([sixGroupsRefusal.status, sixGroupsRefusal.code]).toEqual([400, "LimitExceeded"]);
      const otherVcnRefusal = await sdk.refusal("network", "updateVnic", update("d", [group.id]));
      expect([otherVcnRefusal.status, otherVcnRefusal.code]).toEqual([400, "InvalidParameter"]);
      for (const id of ids) await network("deleteNetworkSecurityGroup", { networkSecurityGroupId: id });
    });
    test("stop counting for a VNIC that leaves them, and can be deleted then", async () => {
      await setGroups("c");
      expect(await reaches("a", "c", "tcp", 5000)).toBe(false);
      await setGroups("a");
      await network("deleteNetworkSecurityGroup", { networkSecurityGroupId: group.id });
    });
  });

  describe("with all traffic allowed", () => {
    const all = { protocol: "all" };
    beforeAll(async () => {
      for (const list of [members, secondList])
        await setRules(list, [from(ANYWHERE, all)], [to(ANYWHERE, all)]);
    });

    test("9000 bytes pass inside, 1500 outside", async () => {
      expect(await pings("a", "c", "-M", "do", "-s", "8972")).toBe(true);
      expect(await pings("a", "198.51.100.10", "-M", "do", "-s", "1472")).toBe(true);
      expect(await pings("a", "198.51.100.10", "-M", "do", "-s", "1473")).toBe(false);
    });

    test("a packet with another source address than the VNIC's is dropped", async () => {
      await on("a", "ip address add 10.0.1.77/32 dev lo");
      expect(await pings("a", "b", "-I", "10.0.1.77")).toBe(false);
      await on("a", "ip address add 10.0.1.11/32 dev lo; ip address del 10.0.1.11/32 dev lo");
      expect(await router("nft list counter inet ocivx_cloud spoofed")).toMatch(/packets [1-9]/);
    });

    test("multicast, broadcast and GRE are dropped", async () => {
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
      const receivedPackets = async (match: string, action: () => Promise<unknown>): Promise<number> => {
        await on("b", `nft flush chain inet seen c; nft add rule inet seen c ${match} counter`);
        await action();
        expect(await pings("a", "b")).toBe(true);
        return Number(/packets (\d+)/.exec(await on("b", "nft list chain inet seen c"))?.[1]);
      };
      expect(await receivedPackets("ip protocol 253", () => send("10.0.1.11", 253))).toBe(3);
      expect(await receivedPackets("ip protocol gre", () => send("10.0.1.11", 47))).toBe(0);
      expect(await receivedPackets("ip daddr 239.1.1.1", () => send("239.1.1.1", 253))).toBe(0);
      expect(await receivedPackets("ip daddr 255.255.255.255", () => send("255.255.255.255", 253))).toBe(0);
      expect(await receivedPackets("ip daddr 10.0.1.255", () => send("10.0.1.255", 253))).toBe(0);
    });

    test("no packet passes from one VCN to another", async () => {
      expect(await reaches("a", "d", "tcp", 5000)).toBe(false);
      expect(await reaches("d", "a", "tcp", 5000)).toBe(false);
    });

    test("an existing host reaches an instance as far as the instance's list allows", async () => {
      expect(await eventuallyReaches("a", "old", "tcp", 5000)).toBe(true);
      expect(await eventuallyReaches("old", "a", "tcp", 5000)).toBe(true);
      await setRules(members, [from(VCN, udpPort(5000))], [to(ANYWHERE, all)]);
      expect(await reaches("old", "a", "tcp", 5000)).toBe(false);
      expect(await eventuallyReaches("old", "a", "udp", 5000)).toBe(true);
    });

    test("a partitioned host sends and receives nothing until it is restored", async () => {
      await setRules(members, [from(ANYWHERE, all)], [to(ANYWHERE, all)]);
      const partition = async (...hosts: string[]) => {
        changeFaults(lab, (faults) => (faults.partitioned = hosts));
        await applyPartitions(lab);
      };
      await partition("b", "old");
      for (const other of ["b", "old"]) {
        expect([other, await pings("a", other)]).toEqual([other, false]);
        expect([other, await pings(other, "a")]).toEqual([other, false]);
      }
      await partition();
      for (const other of ["b", "old"]) expect([other, await pings("a", other)]).toEqual([other, true]);
    });
  });

  describe("to the outside", () => {
    beforeAll(() => setRules(members, [from(OPERATOR, tcpPort(5000))], [to(ANYWHERE, { protocol: "all" })]));

    test("an instance is reached by its public address only", async () => {
      expect(await eventuallyReaches("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
      expect(await reaches("operator", "a", "tcp", 5000)).toBe(false);
    });
    test("an instance's packets have its public address as their source", async () => {
      expect(await sourceOutside("a")).toBe(publicAddress["a"]);
    });
    test("a port without a rule is closed", async () => {
      expect(await reaches("operator", publicAddress["a"] ?? "", "udp", 5000)).toBe(false);
    });
    test("a disabled internet gateway carries no packet", async () => {
      const turn = (isEnabled: boolean) =>
        network("updateInternetGateway", {
          igId: access.gateway.id,
          updateInternetGatewayDetails: { isEnabled },
        });
      await turn(false);
      expect(await reaches("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(false);
      expect(await pings("a", "198.51.100.10")).toBe(false);
      await turn(true);
      expect(await eventuallyReaches("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
    });
    test("an internet gateway without a route to it carries no packet", async () => {
      const route = (routeRules: Rule[]) =>
        network("updateRouteTable", { rtId: access.table.id, updateRouteTableDetails: { routeRules } });
      await route([]);
      expect(await reaches("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(false);
      const rule = { destinationType: "CIDR_BLOCK", networkEntityId: access.gateway.id };
      await route([
        { ...rule, destination: ANYWHERE },
        { ...rule, destination: "198.51.100.0/24" },
      ]);
      expect(await eventuallyReaches("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
    });
  });

  describe("behind a NAT gateway", () => {
    let gateway: any;
    beforeAll(async () => {
      const all = { protocol: "all" };
      for (const list of [members, secondList])
        await setRules(list, [from(ANYWHERE, all)], [to(ANYWHERE, all)]);
      gateway = await make.natGateway(vcn.id);
      const table = await make.routeTable(vcn.id, [{ destination: ANYWHERE, networkEntityId: gateway.id }]);
      await network("updateSubnet", {
        subnetId: apartId,
        updateSubnetDetails: { routeTableId: table.id },
      });
    });

    test("an instance's packets have the gateway's address as their source", async () => {
      expect(gateway.natIp).toMatch(/^203\.0\.113\./);
      expect(await sourceOutside("c")).toBe(gateway.natIp);
      expect(await pings("c", "198.51.100.10", "-M", "do", "-s", "1472")).toBe(true);
    });
    test("nobody outside begins a connection with it", async () => {
      for (const target of [gateway.natIp, publicAddress["c"] ?? "", "c"])
        expect([target, await reaches("operator", target, "tcp", 5000)]).toEqual([target, false]);
    });
    test("stateless flows within the VCN stay untracked", async () => {
      const statelessRules = [udpPort(4789, stateless)];
      for (const list of [members, secondList]) {
        await setRules(
          list,
          statelessRules.map((rule) => from(VCN, rule)),
          [...statelessRules.map((rule) => to(VCN, rule)), to(ANYWHERE, { protocol: "6" })],
        );
      }
      expect(await sendersAt("a", () => reaches("c", "a", "udp", 4789))).toEqual(["udp 4789 10.0.2.10"]);
      expect(await trackedConnections(4789)).toBe(0);
      expect(await sourceOutside("c")).toBe(gateway.natIp);
    });
    test("that blocks traffic, no packet passes", async () => {
      await setRules(secondList, [], [to(ANYWHERE, { protocol: "all" })]);
      expect(await pings("c", "198.51.100.10")).toBe(true);
      const block = (blockTraffic: boolean) =>
        network("updateNatGateway", { natGatewayId: gateway.id, updateNatGatewayDetails: { blockTraffic } });
      await block(true);
      expect(await pings("c", "198.51.100.10")).toBe(false);
      await block(false);
      expect(await pings("c", "198.51.100.10")).toBe(true);
      await setRules(members, [from(OPERATOR, tcpPort(5000))], [to(ANYWHERE, { protocol: "all" })]);
    });
  });

  test("the rules are loaded again after the cloud was killed and started", async () => {
    await stopCloud(lab);
    expect(await eventuallyReaches("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
    await router("nft delete table inet ocivx_cloud");
    await startCloud(lab, silentProgress);
    expect(await eventuallyReaches("operator", publicAddress["a"] ?? "", "tcp", 5000)).toBe(true);
    expect(await reaches("operator", publicAddress["a"] ?? "", "udp", 5000)).toBe(false);
  });

  test("the router's rules are not in the machine's own ruleset", async () => {
    const { stdout } = await attempt(["nft", "list", "tables"]);
    expect(stdout).not.toContain("ocivx");
  });
});
