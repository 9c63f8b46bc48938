import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { VXLAN_OVERHEAD } from "../mtu.ts";
import { familyOf, likelyFinding, packets } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";

/** How far the packets came, and where to look next. It is for probes that no other finding explains for certain. */
export function pathFinding(
  sender: End,
  target: End | undefined,
  probe: FailedProbe,
  settings: DiagnosisSettings,
): Finding {
  return likelyFinding(
    explainAnswer(sender, probe, settings) ??
      (target ? explainLoss(sender, target, probe, settings) : explainSender(sender, probe, settings)),
  );
}

/** What the probe's own answer says about the path. */
function explainAnswer(
  { name: from, peer: to }: End,
  { address, answer, size }: FailedProbe,
  { mtu }: DiagnosisSettings,
): string | undefined {
  switch (answer) {
    case "late":
      return `${from} did not come to probe ${address}: repair what other probes waited for.`;
    case "unfinished":
      return `the process on ${from} that probed ${address} ended too early: free some memory there, see "sudo dmesg", or whether /dev/fd and ping are as usual.`;
    case "not-permitted":
      return `${from} may not send the probe: a rule for outgoing packets refuses it: sudo nft list ruleset.`;
    case "only-small":
      return `${from} gets no answer to an ICMP echo of ${size} bytes from ${address}, and one to a small echo: the network between ${from} and ${to} carries less than ${mtu + VXLAN_OVERHEAD} bytes: set mtu to what it carries less ${VXLAN_OVERHEAD}.`;
    default:
      return undefined;
  }
}

/** What the sender's counters show, where there is no evidence of the target. */
function explainSender(sender: End, { address }: FailedProbe, settings: DiagnosisSettings): string {
  const { sent, received } = countersOf(sender);
  if (sent === 0) return explainNothingSent(sender, address, settings);
  const arrivals =
    received === 0 ? "received none" : `received ${packets(received)}, which may be other traffic`;
  return describeLoss(
    sender,
    `${arrivals}; ${sender.peer} could not be examined, so see first that it is up`,
    settings,
  );
}

/** What the counters of both hosts show. */
function explainLoss(sender: End, target: End, probe: FailedProbe, settings: DiagnosisSettings): string {
  const { name: from, peer: to } = sender;
  const { device } = settings;
  const [senderCounters, targetCounters] = [countersOf(sender), countersOf(target)];
  if (senderCounters.sent === 0) return explainNothingSent(sender, probe.address, settings);
  if (targetCounters.received === 0) {
    return describeLoss(
      sender,
      `${device} on ${to} received none: they are lost between the hosts`,
      settings,
    );
  }
  if (targetCounters.sent > 0 && senderCounters.received === 0) {
    return describeLoss(
      target,
      `${device} on ${from} received none: the answers are lost between the hosts`,
      settings,
    );
  }
  if (probe.answer === "no-banner")
    return `${to} takes connections to TCP port ${probe.port} and sends no SSH banner: it is another program than sshd, or sshd is overloaded or limits connections (MaxStartups): sudo journalctl -u ssh -u sshd.`;
  const result =
    targetCounters.sent === 0
      ? `${to} received packets and sent none back`
      : "packets cross in both directions";
  const checkedCauses =
    "nothing else in devices, MTU, addresses, routes, FDB, neighbours, checksums and counting firewall rules of both hosts explains it";
  return `${result}: ${describeCounters(sender, target, probe, settings)}; ${checkedCauses}: on ${to}: sudo nft list ruleset; sudo tcpdump -ni ${device} host ${probe.address}.`;
}

/** Packets of the VXLAN device. */
const countersOf = (end: End) => ({
  sent: end.rise("device.tx_packets"),
  received: end.rise("device.rx_packets"),
});

function explainNothingSent(sender: End, address: string, { device }: DiagnosisSettings): string {
  const discardedCount = sender.rise("device.tx_dropped") + sender.rise("device.tx_errors");
  const explanation = `it discarded ${packets(discardedCount)} instead: ip route get ${address}; sudo nft list ruleset`;
  return `${sender.name}: ${device} sent none of the probe's packets; ${explanation}.`;
}

/** @param arrivals what the other end received, in words */
function describeLoss(end: End, arrivals: string, { port }: DiagnosisSettings): string {
  const { name, peer, underlay, peerUnderlay } = end;
  return `${name} sent ${packets(countersOf(end).sent)} of VXLAN by ${end.value("nic.name") ?? "its NIC"}, and ${arrivals}: check that the Security List of ${peer} lets UDP port ${port} in from ${underlay} to ${peerUnderlay} and that of ${name} lets it out; stateless rules are needed in both directions.`;
}

function describeCounters(
  sender: End,
  target: End,
  { probe, address }: FailedProbe,
  { device }: DiagnosisSettings,
): string {
  const [senderCounters, targetCounters] = [countersOf(sender), countersOf(target)];
  const [echoes, replies] =
    familyOf(address) === 4
      ? [target.rise("Icmp.InEchos"), target.rise("Icmp.OutEchoReps")]
      : [target.rise("Six.Icmp6InEchos"), target.rise("Six.Icmp6OutEchoReplies")];
  const icmp =
    probe === "icmp" ? `, and ${target.name} took ${echoes} ICMP echoes and answered ${replies}` : "";
  return `${device} on ${sender.name} counted ${packets(senderCounters.sent)} out and ${senderCounters.received} in, ${device} on ${target.name} ${targetCounters.received} in and ${targetCounters.sent} out${icmp}`;
}
