import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { VXLAN_OVERHEAD } from "../mtu.ts";
import { familyOf, likely, packets } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";

/** How far the packets came, and what to look at there, where nothing was proven to stop them. */
export function pathFinding(
  sender: End,
  target: End | undefined,
  { probe, address, answer, size, port: tcpPort }: FailedProbe,
  { device, port, mtu }: DiagnosisSettings,
): Finding {
  const { name: from, peer: to } = sender;
  if (answer === "late")
    return likely(`${from} did not come to probe ${address}: repair what other probes waited for.`);
  if (answer === "not-permitted")
    return likely(
      `${from} may not send the probe: a rule for outgoing packets refuses it, or this user may not ping: sudo nft list ruleset.`,
    );
  if (answer === "only-small")
    return likely(
      `${from} gets no answer to an ICMP echo of ${size} bytes from ${address}, and one to a small echo: the network between ${from} and ${to} carries less than ${mtu + VXLAN_OVERHEAD} bytes: set mtu to what it carries less ${VXLAN_OVERHEAD}.`,
    );
  const counted = (end: End) => [end.rise("device.tx_packets"), end.rise("device.rx_packets")] as const;
  const lost = (end: End, seen: string) =>
    likely(
      `${end.name} sent ${packets(counted(end)[0])} of VXLAN by ${end.value("nic.name") ?? "its NIC"}, and ${seen}: check that the Security List of ${end.peer} lets UDP port ${port} in from ${end.underlay} to ${end.peerUnderlay} and that of ${end.name} lets it out; stateless rules are needed in both directions.`,
    );
  const [sent, returned] = counted(sender);
  if (sent === 0) {
    const discarded = sender.rise("device.tx_dropped") + sender.rise("device.tx_errors");
    const why = `it discarded ${packets(discarded)} instead: ip route get ${address}; sudo nft list ruleset`;
    return likely(`${from}: ${device} sent none of the probe's packets; ${why}.`);
  }
  if (!target) {
    const heard =
      returned === 0 ? "received none" : `received ${packets(returned)}, which may be other traffic`;
    return lost(sender, `${heard}; ${to} could not be looked at, so see first that it is up`);
  }
  const [answered, arrived] = counted(target);
  if (arrived === 0) return lost(sender, `${device} on ${to} received none: they are lost between the hosts`);
  if (answered > 0 && returned === 0)
    return lost(target, `${device} on ${from} received none: the answers are lost between the hosts`);
  if (answer === "no-banner")
    return likely(
      `${to} takes connections to TCP port ${tcpPort} and sends no SSH banner: it is another program than sshd, or sshd is overloaded or limits connections (MaxStartups): sudo journalctl -u ssh -u sshd.`,
    );
  const keys =
    familyOf(address) === 4
      ? ["Icmp.InEchos", "Icmp.OutEchoReps"]
      : ["Six.Icmp6InEchos", "Six.Icmp6OutEchoReplies"];
  const [echoes, replies] = keys.map((key) => target.rise(key));
  const icmp = probe === "icmp" ? `, and ${to} took ${echoes} ICMP echoes and answered ${replies}` : "";
  const counts = `${device} on ${from} counted ${packets(sent)} out and ${returned} in, ${device} on ${to} ${arrived} in and ${answered} out${icmp}`;
  const checked =
    "nothing else in devices, MTU, addresses, routes, FDB, neighbours, checksums and counting firewall rules of both hosts explains it";
  const last =
    answered === 0 ? `${to} received packets and sent none back` : "packets cross in both directions";
  return likely(
    `${last}: ${counts}; ${checked}: on ${to}: sudo nft list ruleset; sudo tcpdump -ni ${device} host ${address}.`,
  );
}
