import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { VXLAN_OVERHEAD } from "../mtu.ts";
import { familyOf, likelyFinding, possibleFinding, provenFinding } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";

/** The first fault of NIC and device; further ones would follow from it. */
export function deviceFindings(end: End, { device, port, vni }: DiagnosisSettings): Finding[] {
  const { name, underlay } = end;
  const nic = end.value("nic.name");
  if (nic === undefined)
    return [provenFinding(`${name}: no interface has its underlay address ${underlay}: sudo ip address.`)];
  if (end.value("nic.state") === "down")
    return [provenFinding(`${name}: its NIC ${nic} is down: sudo ip link set dev ${nic} up.`)];
  const state = end.value("device.state");
  if (state === undefined) return [provenFinding(`${name} has no device ${device}: ${end.restoreAdvice}.`)];
  if (state === "down")
    return [provenFinding(`${name}: ${device} is down: sudo ip link set dev ${device} up.`)];
  const actual = ["vni", "port", "local"].map((key) => end.value(`device.${key}`)).join(", ");
  const desired = [vni ?? end.value("device.vni"), port, underlay].join(", ");
  if (actual !== desired) {
    const text = `${name}: ${device} has VNI, port and local address ${actual} where the overlay has ${desired}: ${end.restoreAdvice}.`;
    return [provenFinding(text)];
  }
  const master = end.value("device.master") ?? "-";
  if (master === "-") return [];
  const command = `sudo ip link set dev ${device} nomaster`;
  return [
    likelyFinding(
      `${name}: ${device} is a port of ${master}, so its own addresses may get no traffic: ${command}.`,
    ),
  ];
}

export function mtuFindings(
  end: End,
  { answer, address }: FailedProbe,
  { device, mtu }: DiagnosisSettings,
): Finding[] {
  const finding = ["only-small", "too-long"].includes(answer) ? provenFinding : possibleFinding;
  const { name, peer, peerUnderlay } = end;
  const neededMtu = mtu + VXLAN_OVERHEAD;
  const requirement = `and ${device} with MTU ${mtu} needs ${neededMtu}`;
  const isBelow = (text: string | undefined, limit: number) => Number(text ?? Number.NaN) < limit;
  const findings: Finding[] = [];
  const deviceMtu = end.value("device.mtu");
  if (isBelow(deviceMtu, mtu)) {
    const command = `sudo ip link set dev ${device} mtu ${mtu}`;
    findings.push(
      finding(`${name}: ${device} has MTU ${deviceMtu} where the overlay has ${mtu}: ${command}.`),
    );
  }
  const [nic, nicMtu] = [end.value("nic.name"), end.value("nic.mtu")];
  if (isBelow(nicMtu, neededMtu)) {
    const command = `sudo ip link set dev ${nic} mtu ${neededMtu}, or set the overlay's mtu to ${Number(nicMtu) - VXLAN_OVERHEAD} or less`;
    findings.push(finding(`${name}: its NIC ${nic} has MTU ${nicMtu}, ${requirement}: ${command}.`));
  }
  const pathMtu = end.aboutPeer("path-mtu");
  if (isBelow(pathMtu, neededMtu)) {
    const cure = `raise the MTU of that route or of the router behind it, or set the overlay's mtu to ${Number(pathMtu) - VXLAN_OVERHEAD} or less`;
    findings.push(
      finding(
        `${name}: the way to ${peer} (${peerUnderlay}) carries ${pathMtu} bytes, ${requirement}: ${cure}.`,
      ),
    );
  }
  const rememberedMtu = end.aboutPeer(`route-mtu.${address}`);
  if (findings.length === 0 && isBelow(rememberedMtu, mtu)) {
    const text = `${name} remembers for up to ten minutes that only ${rememberedMtu} bytes passed to ${address}, and nothing on it needs that any more`;
    const command = familyOf(address) === 6 ? "sudo ip -6 route flush cache" : "sudo ip route flush cache";
    findings.push(finding(`${text}: ${command}.`));
  }
  return findings;
}
