import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { familyOf, proven } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";

/** Whether the probe, or its answer, is from or to one of an end's addresses. */
function isUsed(isTarget: boolean, probe: FailedProbe, address: string): boolean {
  return isTarget ? address === probe.address : familyOf(address) === familyOf(probe.address);
}

export function addressFindings(end: End, probe: FailedProbe, { device }: DiagnosisSettings): Finding[] {
  if (end.value("device.state") === undefined) return [];
  const { name } = end;
  return end.valuesBelow("address.").flatMap(([address, state]) => {
    if (!isUsed(name === probe.to, probe, address)) return [];
    if (state === "no")
      return [proven(`${name}: its overlay address ${address} is not on ${device}: ${end.restore}.`)];
    if (end.value(`local-route.${address}`) !== "no") return [];
    const command = `sudo ip -${familyOf(address)} route add local ${address} dev ${device} table local proto kernel`;
    const text = `${name}: its overlay address ${address} has no route in table local, so the kernel refuses what is sent to it: ${command}.`;
    return [proven(text)];
  });
}

/** Routes, FDB and neighbour entries, and the peer filter, as they lead to the other end. */
export function peerFindings(end: End, probe: FailedProbe, { device }: DiagnosisSettings): Finding[] {
  const { name, peer, peerUnderlay, restore } = end;
  if (end.value("device.state") !== "up") return [];
  const below = (kind: string) =>
    end
      .valuesBelow(`peer.${peer}.${kind}.`)
      .filter(([address]) => isUsed(name === probe.from, probe, address));
  const texts: string[] = [];
  for (const [address, by] of below("route")) {
    if (by === "-") texts.push(`${name} has no route to ${address}: ${restore}.`);
    else if (by !== device)
      texts.push(
        `${name} sends what is for ${address} by ${by} instead of ${device}: remove the route or rule that leads there: ip route get ${address}; ip rule.`,
      );
  }
  const route = end.aboutPeer("underlay-route");
  if (route === "-")
    texts.push(`${name} has no route to ${peer}'s underlay address ${peerUnderlay}: ip route.`);
  if (route === device)
    texts.push(
      `${name} sends what is for ${peer}'s underlay address ${peerUnderlay} into ${device} itself: remove that route: ip route get ${peerUnderlay}.`,
    );
  const [mac, fdb] = [end.aboutPeer("mac"), end.aboutPeer("fdb")];
  if (fdb !== undefined && fdb !== peerUnderlay) {
    const state = fdb === "" ? "has no entry for" : `leads to ${fdb} for`;
    texts.push(
      `${name}: the FDB of ${device} ${state} MAC ${mac} of ${peer}, which is at ${peerUnderlay}: ${restore}.`,
    );
  }
  for (const [address, entry] of below("neighbour")) {
    const state = entry.includes(":") ? `takes MAC ${entry} for` : "has no neighbour entry for";
    if (entry !== mac)
      texts.push(`${name}: ${device} ${state} ${address}, which ${peer} has with MAC ${mac}: ${restore}.`);
  }
  if (end.aboutPeer("filter") === "missing")
    texts.push(
      `${name}: the overlay's own nftables table ip oci-vxlan drops VXLAN from ${peer}, since ${peerUnderlay} is not in its set of peers: ${restore}.`,
    );
  return texts.map(proven);
}

export function macFindings(sender: End, receiver: End, { device }: DiagnosisSettings): Finding[] {
  const [expected, actual] = [sender.aboutPeer("mac"), receiver.value("device.mac")];
  if (expected === undefined || actual === undefined || expected === actual) return [];
  const text = `${receiver.name}: ${device} has MAC ${actual}, and ${sender.name} sends to ${expected}: ${receiver.restore}.`;
  return [proven(text)];
}
