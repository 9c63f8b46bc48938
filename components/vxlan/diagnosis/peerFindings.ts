import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { familyOf, provenFinding } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";

/** Whether an address of an end is the one that was probed, or may be the source of the probe. */
function isUsed(isTarget: boolean, probe: FailedProbe, address: string): boolean {
  return isTarget ? address === probe.address : familyOf(address) === familyOf(probe.address);
}

export function addressFindings(end: End, probe: FailedProbe, { device }: DiagnosisSettings): Finding[] {
  if (end.value("device.state") === undefined) return [];
  const { name } = end;
  return end.valuesBelow("address.").flatMap(([address, state]) => {
    if (!isUsed(name === probe.to, probe, address)) return [];
    if (state === "no")
      return [
        provenFinding(`${name}: its overlay address ${address} is not on ${device}: ${end.restoreAdvice}.`),
      ];
    if (end.value(`local-route.${address}`) !== "no") return [];
    const command = `sudo ip -${familyOf(address)} route add local ${address} dev ${device} table local proto kernel`;
    const text = `${name}: its overlay address ${address} has no route in table local, so the kernel refuses what is sent to it: ${command}.`;
    return [provenFinding(text)];
  });
}

/** How the host's routes, FDB, neighbour entries and peer filter lead to the other end. */
export function peerFindings(end: End, probe: FailedProbe, settings: DiagnosisSettings): Finding[] {
  if (end.value("device.state") !== "up") return [];
  return [
    ...overlayRoutes(end, probe, settings),
    ...underlayRoute(end, settings),
    ...fdbEntry(end, settings),
    ...neighbourEntries(end, probe, settings),
    ...peerFilter(end),
  ].map(provenFinding);
}

/** Values about the peer's overlay addresses that the probe uses, by address. */
function peerValues(end: End, probe: FailedProbe, kind: string): [string, string][] {
  return end
    .valuesBelow(`peer.${end.peer}.${kind}.`)
    .filter(([address]) => isUsed(end.name === probe.from, probe, address));
}

function overlayRoutes(end: End, probe: FailedProbe, { device }: DiagnosisSettings): string[] {
  const { name, restoreAdvice } = end;
  return peerValues(end, probe, "route").flatMap(([address, by]) => {
    if (by === "-") return [`${name} has no route to ${address}: ${restoreAdvice}.`];
    if (by === device) return [];
    return [
      `${name} sends what is for ${address} by ${by} instead of ${device}: remove the route or rule that leads there: ip route get ${address}; ip rule.`,
    ];
  });
}

function underlayRoute(end: End, { device }: DiagnosisSettings): string[] {
  const { name, peer, peerUnderlay } = end;
  const by = end.aboutPeer("underlay-route");
  if (by === "-") return [`${name} has no route to ${peer}'s underlay address ${peerUnderlay}: ip route.`];
  if (by !== device) return [];
  return [
    `${name} sends what is for ${peer}'s underlay address ${peerUnderlay} into ${device} itself: remove that route: ip route get ${peerUnderlay}.`,
  ];
}

function fdbEntry(end: End, { device }: DiagnosisSettings): string[] {
  const { name, peer, peerUnderlay, restoreAdvice } = end;
  const [mac, vtep] = [end.aboutPeer("mac"), end.aboutPeer("fdb")];
  if (vtep === undefined || vtep === peerUnderlay) return [];
  const state = vtep === "" ? "has no entry for" : `leads to ${vtep} for`;
  return [
    `${name}: the FDB of ${device} ${state} MAC ${mac} of ${peer}, which is at ${peerUnderlay}: ${restoreAdvice}.`,
  ];
}

function neighbourEntries(end: End, probe: FailedProbe, { device }: DiagnosisSettings): string[] {
  const { name, peer, restoreAdvice } = end;
  const mac = end.aboutPeer("mac");
  return peerValues(end, probe, "neighbour").flatMap(([address, entry]) => {
    if (entry === mac) return [];
    const state = entry.includes(":") ? `takes MAC ${entry} for` : "has no neighbour entry for";
    return [`${name}: ${device} ${state} ${address}, which ${peer} has with MAC ${mac}: ${restoreAdvice}.`];
  });
}

function peerFilter(end: End): string[] {
  const { name, peer, peerUnderlay, restoreAdvice } = end;
  if (end.aboutPeer("filter") !== "missing") return [];
  return [
    `${name}: the overlay's own nftables table ip oci-vxlan drops VXLAN from ${peer}, since ${peerUnderlay} is not in its set of peers: ${restoreAdvice}.`,
  ];
}

export function macFindings(sender: End, receiver: End, { device }: DiagnosisSettings): Finding[] {
  const [expected, actual] = [sender.aboutPeer("mac"), receiver.value("device.mac")];
  if (expected === undefined || actual === undefined || expected === actual) return [];
  const text = `${receiver.name}: ${device} has MAC ${actual}, and ${sender.name} sends to ${expected}: ${receiver.restoreAdvice}.`;
  return [provenFinding(text)];
}
