import { canonical } from "../components/vxlan/addresses.ts";
import type { TestedHost } from "../components/hostProbes.ts";
import { lastRepair } from "../components/vxlan/connectivityTest/hostStatus.ts";
import type { ActualDevice, HostStatus } from "../components/vxlan/connectivityTest/hostStatus.ts";
import { needsInstallation } from "../components/vxlan/connectivityTest/syncCheck.ts";
import type { AskedHost } from "./askHost.ts";
import type { HostReport } from "./report.ts";
import type { StackOverlay } from "./stackHosts.ts";

/** Lines of a host's journal that the report has. */
const EVENTS = 10;

/** A host in the report; `answer` is undefined where the host is down on purpose. */
export function hostReport(
  overlay: StackOverlay,
  host: TestedHost,
  answer: AskedHost | undefined,
): HostReport {
  const { name, connection, underlayAddress, overlayAddresses, report } = host;
  const status = answer?.status;
  const problems = [
    ...(answer?.problem === undefined ? [] : [answer.problem]),
    ...(status ? problemsOf(overlay, host, status) : []),
  ];
  return {
    name,
    state: stateOf(answer, problems),
    sshAddress: connection.host,
    jumpHost: connection.proxy?.host,
    underlayAddress,
    overlayAddresses,
    mac: report.mac,
    mtu: overlay.mtu,
    ...(status && factsOf(status)),
    events: status?.events.slice(-EVENTS) ?? [],
    problems,
    warnings: status ? warningsOf(name, status) : [],
  };
}

function stateOf(answer: AskedHost | undefined, problems: readonly string[]): HostReport["state"] {
  if (!answer) return "down";
  if (!answer.session) return "unreachable";
  return problems.length === 0 ? "in sync" : "differs";
}

function factsOf({ time, bootedAt, version, release, unit, device, events }: HostStatus) {
  return {
    bootedAt,
    uptimeSeconds: bootedAt === undefined ? undefined : (Date.parse(time) - Date.parse(bootedAt)) / 1_000,
    release,
    programVersion: version,
    unit: unit.active,
    device,
    lastRepair: lastRepair(events),
  };
}

/** The differences of a host from the stack, and a unit that is not on, each with its cure. */
function problemsOf(overlay: StackOverlay, host: TestedHost, status: HostStatus): string[] {
  const { name } = host;
  const { differences, unit } = status;
  if (differences.includes("installation")) return [needsInstallation(name)];
  if (differences.includes("program"))
    return [
      `${name} has lost the program that keeps the overlay in sync: run pulumi up, which installs it again.`,
    ];
  if (host.peers.settings === "") return [`${name} does not know its peers yet: run pulumi up.`];
  const problems = differences.map(
    (file) =>
      `${name} has other settings than the stack (/etc/oci-vxlan/${overlay.identity.overlay}/${file}): run pulumi up, which sets it up again.`,
  );
  const isKept = unit.active === "active" && unit.enabled === "enabled";
  if (!isKept) {
    problems.push(
      `${name}: nothing keeps the overlay in sync, since its unit is ${unit.active} and ${unit.enabled}: sudo systemctl enable --now ${unit.name}.`,
    );
  }
  const difference = deviceDifference(overlay, host, status.device);
  if (difference !== undefined) {
    const cure = isKept ? `sudo systemctl restart ${unit.name}` : `sudo systemctl enable --now ${unit.name}`;
    problems.push(`${name}: ${difference}: ${cure}.`);
  }
  return problems;
}

/** The first difference between a device and the stack; undefined where there is none. */
function deviceDifference(
  { settings, mtu }: StackOverlay,
  { report, underlayAddress, overlayAddresses }: TestedHost,
  device: ActualDevice | undefined,
): string | undefined {
  if (!device) return `it has no device ${settings.device}`;
  if (device.state !== "up") return `${settings.device} is down`;
  const facts = [
    ["MTU", device.mtu, mtu],
    ["MAC", device.mac, report.mac],
    ["VNI", device.vni, settings.vni],
    ["UDP port", device.port, settings.port],
    ["local address", device.underlayAddress, canonical(underlayAddress)],
  ] as const;
  const difference = facts.find(([, actual, desired]) => actual !== desired);
  if (difference) {
    const [fact, actual, desired] = difference;
    return `${settings.device} has ${fact} ${actual} where the stack has ${desired}`;
  }
  const missingAddress = overlayAddresses
    .map(canonical)
    .find((address) => !device.addresses.includes(address));
  return missingAddress === undefined ? undefined : `${settings.device} lacks the address ${missingAddress}`;
}

function warningsOf(name: string, { warnings, isUnconfirmed, unit }: HostStatus): string[] {
  const confirmationWarning = `the last change of its settings is not confirmed yet, and is taken back unless the next pulumi up does so (${unit.name})`;
  return [...warnings, ...(isUnconfirmed ? [confirmationWarning] : [])].map((text) => `${name}: ${text}`);
}
