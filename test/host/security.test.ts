import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import { makeNeighbour, makeNetworkBehind } from "./frames.ts";
import { PEER, host, install, useHostForEachTest } from "./overlay.ts";

useHostForEachTest();

/** The commands that docs/security.md advises, one a block. */
const ADVICE = [
  ...readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8").matchAll(
    /```sh\n\s*sudo (.*)\n\s*```/g,
  ),
].map(([, command = ""]) => command);
const advice = (word: string) => {
  const commands = ADVICE.filter((command) => command.includes(word));
  expect(commands).toHaveLength(1);
  return commands[0] ?? "";
};

const asNobody = (script: string) => `setpriv --reuid 65534 --clear-groups ${script}`;
const passes = (script: string) =>
  host.on(script).then(
    () => true,
    () => false,
  );

describe("the rule that keeps users from the overlay's port", () => {
  test("refuses their datagrams, and not what they send through the overlay, nor root's", async () => {
    await makeNeighbour();
    await install();
    const datagram = `bash -c 'echo x >/dev/udp/${PEER.underlayAddress}/4789'`;
    const throughOverlay = "bash -c 'echo x >/dev/udp/192.168.0.2/7000'";
    expect(await passes(asNobody(datagram))).toBe(true);
    await host.on(advice("uidrange"));
    expect(await passes(asNobody(datagram))).toBe(false);
    expect(await passes(datagram)).toBe(true);
    const sentPackets = () => host.on("ip -s link show far0 | awk '/TX:/ { getline; print $2 }'");
    const before = await sentPackets();
    expect(await passes(asNobody(throughOverlay))).toBe(true);
    await until("the frame", 20_000, async () => (await sentPackets()) !== before);
  });
});

describe("the rule that keeps users from the host's private key", () => {
  const METADATA = "169.254.169.254";
  /** As in Oracle's images: a chain of their own accepts the traffic that the instance needs, for every user. */
  const INSTANCE_SERVICES = `
    *filter
    :InstanceServices - [0:0]
    -A OUTPUT -d 169.254.0.0/16 -j InstanceServices
    -A InstanceServices -d 169.254.0.2/32 -p tcp -m owner --uid-owner 0 -m tcp --dport 3260 -j ACCEPT
    -A InstanceServices -d ${METADATA}/32 -p udp -m udp --dport 53 -j ACCEPT
    -A InstanceServices -d ${METADATA}/32 -p tcp -m tcp --dport 53 -j ACCEPT
    -A InstanceServices -d ${METADATA}/32 -p tcp -m tcp --dport 80 -j ACCEPT
    -A InstanceServices -d ${METADATA}/32 -p udp -m udp --dport 123 -j ACCEPT
    -A InstanceServices -d 169.254.0.0/16 -p tcp -j REJECT --reject-with tcp-reset
    -A InstanceServices -d 169.254.0.0/16 -p udp -j REJECT --reject-with icmp-port-unreachable
    COMMIT`;

  /** Connects the host to Oracle's services, which listen in a network of their own. */
  async function startServices(rules: string): Promise<void> {
    await host.on("mkdir -p /run/netns");
    await makeNetworkBehind("cloud", "10.7.0.1");
    await host.on(`
      ip -n cloud link set lo up
      ip -n cloud address add ${METADATA}/32 dev lo
      ip route add ${METADATA} via 10.7.0.2
      iptables-restore <<'END'\n${rules.replace(/^\s+/gm, "")}\nEND`);
    host.start([
      "ip",
      "netns",
      "exec",
      "cloud",
      "python3",
      "-c",
      `import socket, time
sockets = []
for kind, port in (socket.SOCK_STREAM, 80), (socket.SOCK_STREAM, 53), (socket.SOCK_DGRAM, 53), (socket.SOCK_DGRAM, 123):
    s = socket.socket(socket.AF_INET, kind); s.bind(("${METADATA}", port)); sockets.append(s)
    if kind == socket.SOCK_STREAM: s.listen(20)
time.sleep(120)`,
    ]);
    await until(
      "the services",
      20_000,
      async () => (await host.on("ip netns exec cloud ss -Hlun sport = :123")) !== "",
    );
  }

  const connectCommand = (protocol: string, port: number) =>
    `timeout 5 bash -c 'echo x >/dev/${protocol}/${METADATA}/${port}'`;

  test.each([
    ["on Oracle's rules", INSTANCE_SERVICES],
    ["without rules", "*filter\nCOMMIT"],
  ])("leaves DNS and time to everybody, and the metadata to root: %s", async (_, rules) => {
    await startServices(rules);
    expect(await passes(asNobody(connectCommand("tcp", 80)))).toBe(true);
    await host.on(advice("OUTPUT"));
    expect(await passes(asNobody(connectCommand("tcp", 80)))).toBe(false);
    expect(await passes(connectCommand("tcp", 80))).toBe(true);
    for (const [protocol, port] of [
      ["tcp", 53],
      ["udp", 53],
      ["udp", 123],
    ] as const) {
      expect(await passes(asNobody(connectCommand(protocol, port))), `${protocol} ${port}`).toBe(true);
    }
  });

  test("keeps containers from the metadata too, and leaves them DNS", async () => {
    await startServices(INSTANCE_SERVICES);
    await makeNetworkBehind("container", "10.8.0.1");
    await host.on("sysctl -qw net.ipv4.ip_forward=1");
    const inContainer = (script: string) => `ip netns exec container ${script}`;
    expect(await passes(inContainer(connectCommand("tcp", 80)))).toBe(true);
    await host.on(advice("FORWARD 1 -d"));
    expect(await passes(inContainer(connectCommand("tcp", 80)))).toBe(false);
    expect(await passes(inContainer(connectCommand("tcp", 53)))).toBe(true);
  });
});
