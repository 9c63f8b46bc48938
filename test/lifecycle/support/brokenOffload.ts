import { spawn } from "node:child_process";
import { once } from "node:events";
import { runInHost } from "../../../lab/hosts/exec.ts";
import { portOf } from "../../../lab/network/vnic.ts";
import { onRouter } from "./faults.ts";
import type { TestStack } from "./testStack.ts";

/**
 * A fault of NICs, without a NIC: it computes checksums of the outer headers, and none inside VXLAN, as some NICs do.
 * Between namespaces nobody computes any, and the kernel takes those that are left open for right. So at the host's port
 * of the router each VXLAN packet is dropped, and a relay sends its bytes on. It completes a checksum only where the
 * kernel asks for that of the outer UDP header. Where the kernel asks for an inner one, that stays wrong, and so does the
 * outer one, which the kernel has computed as if the inner one were right.
 */

/**
 * The relay, with the router's port as its argument. A packet socket (263, 15: PACKET_VNET_HDR) sees packets ahead of the
 * rule that drops them, and says from where the NIC is to compute a checksum: 34 is the outer UDP header.
 */
const RELAY = `
import socket, struct, sys
arrivals = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
arrivals.setsockopt(263, 15, 1)
arrivals.bind((sys.argv[1], 3))
onward = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
print("ready", flush=True)
while True:
    data, (_, protocol, kind, *_) = arrivals.recvfrom(65535)
    packet = bytearray(data[24:])
    if kind != 0 or protocol != 0x0800 or packet[9] != 17 or packet[22:24] != (4789).to_bytes(2, "big"): continue
    is_open, start = data[0] & 1, struct.unpack("=H", data[6:8])[0]
    if is_open and start == 34:
        words = struct.unpack("!%dH" % ((len(packet) - 19) // 2), bytes(packet[20:]) + bytes(len(packet) % 2))
        total = sum(words)
        while total >> 16: total = (total & 0xffff) + (total >> 16)
        packet[26:28] = (total ^ 0xffff or 0xffff).to_bytes(2, "big")
    onward.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
`;

/** Has the host's kernel cut TCP into packets, since this NIC does not: ETHTOOL_STSO, as "ethtool -K NIC tso off". */
const SWITCH_SEGMENTATION_OFF = `
import array, fcntl, socket, struct, sys
data = array.array("I", [0x1f, 0])
fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sP", sys.argv[1].encode(), data.buffer_info()[0]))
`;

/**
 * Breaks the checksum offload of a host's NIC, until the host is booted again.
 *
 * @returns a function that ends the fault
 */
export async function breakOffload(stack: TestStack, host: string): Promise<() => Promise<void>> {
  const nic = stack.inventory[host]?.nic ?? "";
  const port = portOf(host);
  await runInHost(stack.lab, host, ["python3", "-c", SWITCH_SEGMENTATION_OFF, nic]);
  const namespace = `--net=/run/netns/${stack.lab.namespace("router")}`;
  const relay = spawn("nsenter", [namespace, "python3", "-c", RELAY, port], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(relay, "exit");
  await Promise.race([once(relay.stdout, "data"), exit.then(() => Promise.reject(new Error("no relay")))]);
  await onRouter(
    stack,
    `nft 'add table netdev relay; add chain netdev relay ${host} { type filter hook ingress device "${port}" priority 0; }; ` +
      `add rule netdev relay ${host} udp dport 4789 drop'`,
  );
  return async () => {
    await onRouter(stack, "nft delete table netdev relay");
    relay.kill("SIGKILL");
    await exit;
  };
}
