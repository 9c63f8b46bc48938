import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { familyOf } from "./end.ts";
import type { DiagnosisSettings, End } from "./end.ts";
import type { Packet } from "./nftVerdict.ts";

/** One kind of packet that has to pass a host, and what admits it. */
export interface Traffic {
  description: string;
  packet: Packet;
  /** The condition of an nftables rule that admits it. */
  condition: string;
  /** The command that has firewalld admit it. */
  firewalldCommand: string;
}

/** To the host (`in`), or from it (`out`). */
type Direction = "in" | "out";

/**
 * What has to pass one end of a failed probe: VXLAN, and inside it the probe or its answer. The peer probes this end
 * too, so the other one of the two has to pass as well.
 */
export function trafficOf(
  end: End,
  probe: FailedProbe,
  settings: DiagnosisSettings,
  direction: Direction,
): Traffic[] {
  const isRequest = (end.name === probe.to) === (direction === "in");
  return [
    vxlanTraffic(end, settings, direction),
    overlayTraffic(end, probe, settings, direction, isRequest),
    overlayTraffic(end, probe, settings, direction, !isRequest),
  ];
}

function vxlanTraffic(end: End, { port }: DiagnosisSettings, direction: Direction): Traffic {
  return {
    description: `VXLAN (UDP port ${port})`,
    packet: {
      ...commonFields(4, direction, end.value("nic.name"), end.underlay, end.peerUnderlay),
      ...transportFields("udp", "17"),
      "udp dport": [`${port}`],
      "th dport": [`${port}`],
      // The source port is a hash, so both directions are flows of their own.
      "ct state": ["new"],
    },
    condition: `udp dport ${port}`,
    firewalldCommand: `sudo firewall-cmd --add-port=${port}/udp`,
  };
}

function overlayTraffic(
  end: End,
  probe: FailedProbe,
  { device, admitsAll }: DiagnosisSettings,
  direction: Direction,
  isRequest: boolean,
): Traffic {
  const isTarget = end.name === probe.to;
  const family = familyOf(probe.address);
  const addressBelow = (prefix: string) =>
    end.valuesBelow(prefix).find(([address]) => familyOf(address) === family)?.[0];
  const ownAddress = isTarget ? probe.address : addressBelow("address.");
  const peer = isTarget ? addressBelow(`peer.${end.peer}.route.`) : probe.address;
  const interfaceCondition = `${direction === "in" ? "iifname" : "oifname"} "${device}"`;
  return {
    description: `what ${direction === "in" ? "arrives" : "leaves"} by ${device}`,
    packet: {
      ...commonFields(family, direction, device, ownAddress, peer),
      ...(probe.probe === "icmp" ? icmpFields(family, isRequest) : tcpFields(probe.port, isRequest)),
      "ct state": [isRequest ? "new" : "established"],
    },
    condition: admitsAll
      ? interfaceCondition
      : `${interfaceCondition} meta l4proto ${family === 4 ? "icmp" : "ipv6-icmp"}`,
    firewalldCommand: `sudo firewall-cmd --zone=trusted --change-interface=${device}`,
  };
}

function commonFields(
  family: 4 | 6,
  direction: Direction,
  device: string | undefined,
  ownAddress: string | undefined,
  peer: string | undefined,
): Packet {
  const protocol = family === 4 ? "ip" : "ip6";
  const [interfaceKey, source, target] =
    direction === "in" ? ["iif", peer, ownAddress] : ["oif", ownAddress, peer];
  return {
    "meta nfproto": family === 4 ? ["ipv4", "2"] : ["ipv6", "10"],
    "ct status": ["none"], // No address is translated.
    ...(device === undefined
      ? {}
      : { [`meta ${interfaceKey}`]: [device], [`meta ${interfaceKey}name`]: [device] }),
    ...(source === undefined ? {} : { [`${protocol} saddr`]: [source] }),
    ...(target === undefined ? {} : { [`${protocol} daddr`]: [target] }),
    ...(direction === "in"
      ? {
          "fib daddr type": ["local"],
          "fib daddr.iif type": ["local"],
          "meta pkttype": ["host", "unicast", "0"],
        }
      : {}),
  };
}

function transportFields(...spellings: string[]): Packet {
  return { "meta l4proto": spellings, "ip protocol": spellings, "ip6 nexthdr": spellings };
}

function icmpFields(family: 4 | 6, isRequest: boolean): Packet {
  const type = isRequest ? "echo-request" : "echo-reply";
  if (family === 4) return { ...transportFields("icmp", "1"), "icmp type": [type, isRequest ? "8" : "0"] };
  const number = isRequest ? "128" : "129";
  return { ...transportFields("ipv6-icmp", "icmpv6", "58"), "icmpv6 type": [type, number] };
}

/** The port of the client is not known. */
function tcpFields(port: number | undefined, isRequest: boolean): Packet {
  const field = isRequest ? "dport" : "sport";
  const ports = port === undefined ? {} : { [`tcp ${field}`]: [`${port}`], [`th ${field}`]: [`${port}`] };
  return { ...transportFields("tcp", "6"), ...ports };
}
