import { forEachHost } from "../components/concurrentHosts.ts";
import { examineFailures } from "../components/failureExamination.ts";
import { transfer } from "../components/hostProbes.ts";
import type { HostSession, TestedHost } from "../components/hostProbes.ts";
import { testsTcp } from "../components/vxlan/connectivityTest/probe.ts";
import { askHost } from "./askHost.ts";
import type { AskedHost } from "./askHost.ts";
import { readCloudDrift } from "./cloudDrift.ts";
import { CouldNotLook } from "./couldNotLook.ts";
import { hostReport } from "./hostReport.ts";
import { pathReports } from "./pathReports.ts";
import type { HostProbes } from "./pathReports.ts";
import { probePlan } from "./probePlan.ts";
import type { OverlayStatus, StatusReport } from "./report.ts";
import { overlaysIn, parseUrn } from "./stackHosts.ts";
import type { StackOverlay } from "./stackHosts.ts";
import { readStack } from "./stackState.ts";
import type { StackLocation } from "./stackState.ts";

/** Milliseconds after which other peers are probed in a larger fleet. */
const TURN = 10_000;

/** Which stack to look at, and how far. */
interface StatusOptions extends StackLocation {
  /** Whether the cloud is compared with the stack too, which takes some seconds. Default false. */
  cloud?: boolean;
}

/**
 * Looks at the hosts of a stack, all at once, and at the paths between them. It changes nothing.
 *
 * @throws CouldNotLook where the state cannot be read, has no overlay, or no host could be asked
 */
export async function readStatus({
  cloud: asksCloud = false,
  ...location
}: StatusOptions): Promise<StatusReport> {
  const resources = await readStack(location);
  const stackOverlays = overlaysIn(resources).filter(({ hosts }) => hosts.length > 0);
  const { stack, project } = parseUrn(resources[0]?.urn ?? "");
  if (stackOverlays.length === 0)
    throw new CouldNotLook(`stack ${location.stack ?? stack} has no hosts: run pulumi up.`);
  const [overlays, cloud] = await Promise.all([
    Promise.all(stackOverlays.map(readOverlayStatus)),
    asksCloud ? readCloudDrift(location) : undefined,
  ]);
  const state = overlays.every(isWell) && !cloud?.resources.length ? "well" : "wrong";
  return { time: new Date().toISOString(), project, stack, state, overlays, cloud };
}

const isWell = ({ hosts, paths }: OverlayStatus) =>
  hosts.every(({ state }) => state === "in sync" || state === "down") &&
  paths.every(({ state }) => state === "passes");

async function readOverlayStatus(overlay: StackOverlay): Promise<OverlayStatus> {
  const { hosts, downHosts, settings, identity, mtu, name } = overlay;
  const upHosts = hosts.filter((host) => !downHosts.has(host.name));
  const askedHosts = new Map<string, AskedHost>();
  const probes: HostProbes[] = [];
  const sessions: HostSession[] = [];
  const turn = Math.floor(Date.now() / TURN);
  try {
    await forEachHost(upHosts, async (host) => {
      const examined = await examineHost(overlay, upHosts, host, turn, sessions);
      askedHosts.set(host.name, examined.answer);
      probes.push(examined.probes);
    });
    const failedProbes = probes.flatMap(failuresOf);
    const { failures, findings } = await examineFailures(overlay, sessions, failedProbes);
    probes.sort((a, b) => (a.host.name < b.host.name ? -1 : 1));
    const { device, vni, port, cidrs } = settings;
    return {
      name,
      id: identity.overlay,
      device,
      vni,
      port,
      mtu,
      cidrs,
      hosts: hosts.map((host) => hostReport(overlay, host, askedHosts.get(host.name))),
      paths: probes.flatMap((hostProbes) => pathReports(overlay, hostProbes, failures)),
      findings,
      totalPaths: upHosts.length * (upHosts.length - 1) * cidrs.length,
    };
  } finally {
    for (const { ssh } of sessions) ssh.close();
  }
}

const failuresOf = ({ report, transfer: result }: HostProbes) => [
  ...(report?.failures ?? []),
  ...(result?.failure ? [result.failure] : []),
];

/**
 * Asks a host, lets it probe its peers, and sends it a transfer. Those peers that cannot be asked are probed too, since
 * they may be up.
 */
async function examineHost(
  overlay: StackOverlay,
  upHosts: readonly TestedHost[],
  host: TestedHost,
  turn: number,
  sessions: HostSession[],
): Promise<{ answer: AskedHost; probes: HostProbes }> {
  const names = upHosts.map(({ name }) => name);
  const plan = probePlan(names, host.name, turn);
  const { tcpPeers } = plan;
  const peers = upHosts.filter(({ name }) => plan.peers.includes(name));
  const sender = peers.find(({ name }) => name === plan.sender);
  const answer = await askHost(overlay, host, { peers, tcpPeers }, sessions);
  const { session, report } = answer;
  const probes: HostProbes = { host, peers, tcpPeers, session, report };
  // Where a probe of the sender fails, a transfer cannot pass, and would be waited for.
  const isTransferred = testsTcp(overlay.settings) && !report?.failures.some(({ to }) => to === sender?.name);
  if (!session || !report || !sender || !isTransferred) return { answer, probes };
  const result = await transfer(overlay, session, sender, 1);
  if (result === "not forwarded") return { answer, probes };
  const failure = result === "passed" ? undefined : result;
  return { answer, probes: { ...probes, transfer: { from: sender.name, failure } } };
}
