import { until } from "../../lab/system/commands.ts";
import { HOST, host, linkWord } from "./overlay.ts";

/** A non-peer's address, which the neighbour has like those of the peers. */
export const NON_PEER = "10.196.218.234";

/** One datagram of VXLAN, and the frame in it. */
export interface Datagram {
  from: string;
  /** The host's underlay address if left out. */
  to?: string;
  vni?: number;
  /** The bytes of the first of two fragments, a multiple of eight. The datagram is whole if left out. */
  firstFragment?: number;
  /** The frame in it, as a Python expression of bytes; see SENDER for its functions. A broadcast if left out. */
  frame?: string;
  /** The network namespace that it is sent from: the neighbour's if left out. */
  namespace?: string;
}

/** Sends a datagram of VXLAN by a raw socket, from any address. */
const SENDER = `
import os, socket, struct, sys

def sum16(data):
    data += b"\\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff

def ipv4(source, destination, protocol, payload, fragment=0, number=os.getpid()):
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    header = lambda check: struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), number, fragment, 64, protocol, check) + addresses
    return header(sum16(header(0))) + payload

def udp(port, payload): return struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
def vxlan(vni, frame): return struct.pack("!BBHI", 8, 0, 0, vni << 8) + frame
def mac(text): return bytes.fromhex(text.replace(":", ""))
def ethernet(destination, type, payload): return mac(destination) + mac("02:00:00:00:bb:01") + struct.pack("!H", type) + payload

def icmp(type, code, rest):
    packet = lambda check: struct.pack("!BBH", type, code, check) + rest
    return packet(sum16(packet(0)))

def router_advertisement():
    source, group = (socket.inet_pton(socket.AF_INET6, text) for text in ("fe80::bad:1", "ff02::1"))
    prefix = lambda address, flags, lifetime: struct.pack("!BBBBIII", 3, 4, 64, flags, lifetime, lifetime, 0) + socket.inet_pton(socket.AF_INET6, address)
    prefixes = prefix("2001:db8:bad::", 0xc0, 9000) + prefix("2001:db8:0:1::", 0x80, 0xffffffff)
    rest = struct.pack("!BBHII", 64, 0, 9000, 0, 0) + b"\\1\\1" + mac("02:00:00:00:bb:01") + prefixes
    pseudo = source + group + struct.pack("!II", 4 + len(rest), 58)
    check = sum16(pseudo + b"\\x86\\0\\0\\0" + rest)
    packet = struct.pack("!IHBB", 6 << 28, 4 + len(rest), 58, 255) + source + group + struct.pack("!BBH", 134, 0, check) + rest
    return ethernet("33:33:00:00:00:01", 0x86dd, packet)

source, destination, vni, first, frame = sys.argv[1:]
payload = udp(4789, vxlan(int(vni), eval(frame)))
first = int(first) or len(payload)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
rest = payload[first:]
raw.sendto(ipv4(source, destination, 17, payload[:first], 0x2000 if rest else 0), (destination, 0))
if rest: raw.sendto(ipv4(source, destination, 17, rest, first // 8), (destination, 0))
`;

/** Connects a second host to the NIC: it may send from any address. */
export async function makeNeighbour(): Promise<void> {
  await host.on(`
    mkdir -p /run/netns
    cat >/run/sender.py <<'END'\n${SENDER}\nEND
    ip netns add far
    ip link add far0 mtu 9000 type veth peer name eth0 netns far
    ip link set far0 master eth0 up
    ip route add 10.196.218.224/28 dev eth0
    ip -n far link set eth0 mtu 9000 up
    ip -n far address add ${NON_PEER}/32 dev eth0
    ip -n far route add 10.196.218.220/30 dev eth0
    ${introduce("far", NON_PEER, "eth0", HOST.underlayAddress)}`);
}

/** Lets a namespace's NIC and an interface of the host know each other's MAC: ARP fails where other labs fill the kernel's table. */
function introduce(namespace: string, address: string, device: string, hostAddress: string): string {
  return `
    ip -n ${namespace} neigh replace ${hostAddress} lladdr $(${macOf(`ip -o link show dev ${device}`)}) dev eth0 nud permanent
    ip neigh replace ${address} lladdr $(${macOf(`ip -n ${namespace} -o link show dev eth0`)}) dev ${device} nud permanent`;
}

const macOf = (command: string) => `${command} | sed 's#.* link/ether \\([^ ]*\\) .*#\\1#'`;

/** Connects a network to the host by an interface of its own, whose address is the network's gateway. */
export async function makeNetworkBehind(name: string, gateway: string): Promise<void> {
  const address = gateway.replace(/\.1$/, ".2");
  await host.on(`
    ip netns add ${name}
    ip link add ${name}0 type veth peer name eth0 netns ${name}
    # What IPv6 sends by itself would be counted.
    sysctl -qw net.ipv6.conf.${name}0.disable_ipv6=1
    ip netns exec ${name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1
    ip link set ${name}0 up
    ip address add ${gateway}/24 dev ${name}0
    ip -n ${name} link set eth0 up
    ip -n ${name} address add ${address}/24 dev eth0
    ip -n ${name} route add default via ${gateway}
    ${introduce(name, address, `${name}0`, gateway)}`);
}

/** Frames that a device has received, of the host or of another namespace. */
export async function receivedFrames(device: string, namespace?: string): Promise<number> {
  const ip = namespace === undefined ? "ip" : `ip -n ${namespace}`;
  return Number(await host.on(`${ip} -s link show ${device} | awk '/RX:/ { getline; print $2 }'`));
}

export async function send(datagram: Datagram): Promise<void> {
  const { from, to = HOST.underlayAddress, vni = 100, firstFragment = 0, namespace = "far" } = datagram;
  const frame = datagram.frame ?? "ethernet('ff:ff:ff:ff:ff:ff', 0x88b5, bytes(46))";
  await host.on(
    `ip netns exec ${namespace} python3 /run/sender.py ${from} ${to} ${vni} ${firstFragment} "${frame}"`,
  );
}

/** Sends a datagram; true when a device of the host has received the frame in it. */
export async function arrives(datagram: Datagram, device = "vxlan0"): Promise<boolean> {
  const before = await receivedFrames(device);
  await send(datagram);
  // The answer to an echo that is sent behind the datagram shows that the host has come to it.
  const echo = `ip netns exec far ping -n -c1 -W1 -I ${NON_PEER} ${HOST.underlayAddress}`;
  await until("an echo", 20_000, () =>
    host.on(echo).then(
      () => true,
      () => false,
    ),
  );
  return (await receivedFrames(device)) > before;
}

/** A frame to a device of the host that carries an IPv4 packet, for `Datagram.frame`. */
export async function frameTo(device: string, packet: string): Promise<string> {
  return `ethernet('${await linkWord("link/ether", device)}', 0x0800, ${packet})`;
}
