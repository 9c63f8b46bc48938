import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { familyOf, likelyFinding, possibleFinding, provenFinding } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";

/** The overlay's unit, the connection tracking table, and firewalld. */
export function hostFindings(end: End, settings: DiagnosisSettings): Finding[] {
  return [...unitFindings(end), ...conntrackFindings(end), ...zoneFindings(end, settings)];
}

function unitFindings(end: End): Finding[] {
  const state = end.value("unit.state") ?? "";
  if (["", "active", "activating", "reloading"].includes(state)) return [];
  const unit = end.value("unit.name");
  return [
    likelyFinding(`${end.name}: ${unit}, which repairs the overlay, is ${state}: ${end.restoreAdvice}.`),
  ];
}

function conntrackFindings(end: End): Finding[] {
  const [count, max] = [Number(end.value("conntrack.count") ?? 0), Number(end.value("conntrack.max") ?? 0)];
  if (max === 0 || count < max) return [];
  const command = `sudo sysctl -w net.netfilter.nf_conntrack_max=${2 * max}`;
  return [
    likelyFinding(
      `${end.name} tracks ${count} connections, which is the most that it may, and drops new ones: ${command}.`,
    ),
  ];
}

function zoneFindings(end: End, { device }: DiagnosisSettings): Finding[] {
  const zone = end.value("zone");
  if (end.value("firewalld") !== "running" || zone === "trusted") return [];
  const place = zone ? `zone ${zone}` : "its default zone";
  return [
    possibleFinding(
      `${end.name}: firewalld has ${device} in ${place} instead of trusted: sudo firewall-cmd --list-all-zones.`,
    ),
  ];
}

/** Why the target does not answer although packets reach it. */
export function targetFindings(target: End, { probe, address, port }: FailedProbe): Finding[] {
  const { name } = target;
  const family = familyOf(address);
  if (probe === "icmp") {
    const key = family === 4 ? "net.ipv4.icmp_echo_ignore_all" : "net.ipv6.icmp.echo_ignore_all";
    if (target.value(`echo-ignore${family}`) !== "1") return [];
    return [provenFinding(`${name} answers no ICMP echo: ${key} is 1 there: sudo sysctl -w ${key}=0.`)];
  }
  const listeners = target.value("listeners");
  if (listeners === undefined) return [];
  // "0.0.0.0:22", "[fd00::1]:22", "192.168.0.2%vxlan0:22"
  const addresses = listeners
    .split(" ")
    .map((socket) => socket.replace(/:\d+$/, "").replace(/[[\]]|%.*/g, ""));
  const covering = family === 4 ? ["*", "::", "0.0.0.0", address] : ["*", "::", address];
  if (addresses.some((listener) => covering.includes(listener))) return [];
  const otherListeners = listeners === "" ? "" : `, only at ${listeners.replaceAll(" ", " and ")}`;
  const cure =
    "add it as ListenAddress to /etc/ssh/sshd_config and restart sshd, or set verifyPort to sshd's port";
  return [
    provenFinding(`${name}: nothing listens at TCP port ${port} of ${address}${otherListeners}: ${cure}.`),
  ];
}
