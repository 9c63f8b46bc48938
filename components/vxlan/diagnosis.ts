import { End, familyOf, isProven, likely, packets, possible, proven } from "./diagnosisEnd.ts";
import type { DiagnosisSettings, EvidencePair, Finding } from "./diagnosisEnd.ts";
import type { FailedProbe } from "./probe.ts";
import { ruleFindings } from "./diagnosisRules.ts";
import { VXLAN_OVERHEAD } from "./settings.ts";

export type { DiagnosisSettings, EvidencePair } from "./diagnosisEnd.ts";

/**
 * What explains a failed probe, most likely cause first: what was seen, on which host, and what repairs it.
 *
 * @param from the sender before and after the probe was repeated
 * @param to the same of its peer; undefined where that could not be looked at
 */
export function diagnose(
  probe: FailedProbe,
  from: EvidencePair,
  to: EvidencePair | undefined,
  settings: DiagnosisSettings,
): string[] {
  const { fromUnderlay, toUnderlay } = probe;
  const sender = new End(probe.from, fromUnderlay, probe.to, toUnderlay, from);
  const target = to && new End(probe.to, toUnderlay, probe.from, fromUnderlay, to);
  const findings = (target ? [target, sender] : [sender]).flatMap((end) => [
    ...ruleFindings(end, probe, settings),
    ...deviceFindings(end, settings),
    ...mtuFindings(end, probe, settings),
    ...addressFindings(end, probe, settings),
    ...peerFindings(end, probe, settings),
    ...counterFindings(end, settings),
    ...hostFindings(end, settings),
  ]);
  if (target) {
    const macs = [macFindings(sender, target, settings), macFindings(target, sender, settings)];
    findings.push(...targetFindings(target, probe), ...macs.flat());
  }
  if (!findings.some(isProven)) findings.push(pathFinding(sender, target, probe, settings));
  const texts = findings.sort((a, b) => a.rank - b.rank).map(({ text }) => text);
  return [...new Set(texts)]; // A rule may stand twice.
}

/** NIC and device; the first fault alone, since the others follow from it. */
function deviceFindings(end: End, { device, port, vni }: DiagnosisSettings): Finding[] {
  const { name, underlay } = end;
  const nic = end.value("nic.name");
  if (nic === undefined)
    return [proven(`${name}: no interface has its underlay address ${underlay}: sudo ip address.`)];
  if (end.value("nic.state") === "down")
    return [proven(`${name}: its NIC ${nic} is down: sudo ip link set dev ${nic} up.`)];
  const state = end.value("device.state");
  if (state === undefined) return [proven(`${name} has no device ${device}: ${end.restore}.`)];
  if (state === "down") return [proven(`${name}: ${device} is down: sudo ip link set dev ${device} up.`)];
  const actual = ["vni", "port", "local"].map((key) => end.value(`device.${key}`)).join(", ");
  const desired = [vni ?? end.value("device.vni"), port, underlay].join(", ");
  if (actual !== desired) {
    const text = `${name}: ${device} has VNI, port and local address ${actual} where the overlay has ${desired}: ${end.restore}.`;
    return [proven(text)];
  }
  const master = end.value("device.master") ?? "-";
  if (master === "-") return [];
  const command = `sudo ip link set dev ${device} nomaster`;
  return [
    likely(`${name}: ${device} is a port of ${master}, so its own addresses may get no traffic: ${command}.`),
  ];
}

function mtuFindings(end: End, { answer }: FailedProbe, { device, mtu }: DiagnosisSettings): Finding[] {
  const finding = ["only-small", "too-long"].includes(answer) ? proven : possible;
  const { name, peer, peerUnderlay } = end;
  const needed = mtu + VXLAN_OVERHEAD;
  const needs = `and ${device} with MTU ${mtu} needs ${needed}`;
  const isBelow = (text: string | undefined, limit: number) => Number(text ?? Number.NaN) < limit;
  const findings: Finding[] = [];
  const own = end.value("device.mtu");
  if (isBelow(own, mtu)) {
    const command = `sudo ip link set dev ${device} mtu ${mtu}`;
    findings.push(finding(`${name}: ${device} has MTU ${own} where the overlay has ${mtu}: ${command}.`));
  }
  const [nic, carried] = [end.value("nic.name"), end.value("nic.mtu")];
  if (isBelow(carried, needed)) {
    const command = `sudo ip link set dev ${nic} mtu ${needed}, or set the overlay's mtu to ${Number(carried) - VXLAN_OVERHEAD} or less`;
    findings.push(finding(`${name}: its NIC ${nic} has MTU ${carried}, ${needs}: ${command}.`));
  }
  const path = end.aboutPeer("path-mtu");
  if (isBelow(path, needed)) {
    const cure = `raise the MTU of that route or of the router behind it, or set the overlay's mtu to ${Number(path) - VXLAN_OVERHEAD} or less`;
    findings.push(
      finding(`${name}: the way to ${peer} (${peerUnderlay}) carries ${path} bytes, ${needs}: ${cure}.`),
    );
  }
  return findings;
}

/** Whether the probe, or its answer, is from or to one of an end's addresses. */
function isUsed(isTarget: boolean, probe: FailedProbe, address: string): boolean {
  return isTarget ? address === probe.address : familyOf(address) === familyOf(probe.address);
}

function addressFindings(end: End, probe: FailedProbe, { device }: DiagnosisSettings): Finding[] {
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
function peerFindings(end: End, probe: FailedProbe, { device }: DiagnosisSettings): Finding[] {
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

function macFindings(sender: End, receiver: End, { device }: DiagnosisSettings): Finding[] {
  const [expected, actual] = [sender.aboutPeer("mac"), receiver.value("device.mac")];
  if (expected === undefined || actual === undefined || expected === actual) return [];
  const text = `${receiver.name}: ${device} has MAC ${actual}, and ${sender.name} sends to ${expected}: ${receiver.restore}.`;
  return [proven(text)];
}

/** Counters that rise only where packets are discarded. */
function counterFindings(end: End, { device }: DiagnosisSettings): Finding[] {
  const { name, peer } = end;
  const findings: Finding[] = [];
  for (const kind of ["Udp", "Tcp", "Icmp"]) {
    const wrong = end.rise(`${kind}.InCsumErrors`);
    const command = `on ${peer}: sudo ethtool -K ${device} tx-checksum-ip-generic off`;
    if (wrong > 0)
      findings.push(
        proven(
          `${name} discarded ${packets(wrong)} of ${kind.toUpperCase()} with a wrong checksum, as the NIC of ${peer} leaves them where it cannot compute them inside VXLAN: ${command}.`,
        ),
      );
  }
  const reversed = end.rise("TcpExt.IPReversePathFilter");
  const interfaces = { device, nic: end.value("nic.name") ?? "" };
  for (const key of ["device", "nic"] as const) {
    const filter = Math.max(
      Number(end.value("rp-filter.all") ?? 0),
      Number(end.value(`rp-filter.${key}`) ?? 0),
    );
    const command = `sudo sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.${interfaces[key]}.rp_filter=2`;
    if (reversed > 0 && filter === 1)
      findings.push(
        likely(
          `${name} discarded ${packets(reversed)} because the way back to their source leaves by another interface, and rp_filter of ${interfaces[key]} is strict: ${command}.`,
        ),
      );
  }
  const unheard = end.rise("Udp.NoPorts");
  if (unheard > 0 && end.value("device.state") !== "up")
    findings.push(
      likely(`${name}: ${packets(unheard)} of UDP came to a port at which nothing listens: ${end.restore}.`),
    );
  const discarded = end.rise("device.rx_errors") + end.rise("device.rx_dropped");
  if (discarded > 0)
    findings.push(
      possible(
        `${name}: ${device} discarded ${packets(discarded)} that arrived: ip -s -s link show dev ${device}.`,
      ),
    );
  return findings;
}

function hostFindings(end: End, { device }: DiagnosisSettings): Finding[] {
  const { name } = end;
  const findings: Finding[] = [];
  const state = end.value("unit.state") ?? "";
  if (!["", "active", "activating", "reloading"].includes(state))
    findings.push(
      likely(`${name}: ${end.value("unit.name")}, which repairs the overlay, is ${state}: ${end.restore}.`),
    );
  const [count, max] = [Number(end.value("conntrack.count") ?? 0), Number(end.value("conntrack.max") ?? 0)];
  if (max > 0 && count >= max) {
    const command = `sudo sysctl -w net.netfilter.nf_conntrack_max=${2 * max}`;
    findings.push(
      likely(
        `${name} tracks ${count} connections, which is the most that it may, and drops new ones: ${command}.`,
      ),
    );
  }
  const zone = end.value("zone");
  if (end.value("firewalld") === "running" && zone !== "trusted") {
    const where = zone ? `zone ${zone}` : "its default zone";
    findings.push(
      possible(
        `${name}: firewalld has ${device} in ${where} instead of trusted: sudo firewall-cmd --list-all-zones.`,
      ),
    );
  }
  return findings;
}

/** What keeps the target from answering although packets reach it. */
function targetFindings(target: End, { probe, address, port }: FailedProbe): Finding[] {
  const { name } = target;
  const family = familyOf(address);
  if (probe === "icmp") {
    const key = family === 4 ? "net.ipv4.icmp_echo_ignore_all" : "net.ipv6.icmp.echo_ignore_all";
    if (target.value(`echo-ignore${family}`) !== "1") return [];
    return [proven(`${name} answers no ICMP echo: ${key} is 1 there: sudo sysctl -w ${key}=0.`)];
  }
  const listeners = target.value("listeners");
  if (listeners === undefined) return [];
  // "0.0.0.0:22", "[fd00::1]:22", "192.168.0.2%vxlan0:22"
  const addresses = listeners
    .split(" ")
    .map((socket) => socket.replace(/:\d+$/, "").replace(/[[\]]|%.*/g, ""));
  const covering = family === 4 ? ["*", "::", "0.0.0.0", address] : ["*", "::", address];
  if (addresses.some((listener) => covering.includes(listener))) return [];
  const elsewhere = listeners === "" ? "" : `, only at ${listeners.replaceAll(" ", " and ")}`;
  const cure =
    "add it as ListenAddress to /etc/ssh/sshd_config and restart sshd, or set verifyPort to sshd's port";
  return [proven(`${name}: nothing listens at TCP port ${port} of ${address}${elsewhere}: ${cure}.`)];
}

/** How far the packets came, and what to look at there, where nothing was proven to stop them. */
function pathFinding(
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
