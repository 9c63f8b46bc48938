import type { Rule } from "./evidence.ts";
import type { FailedProbe } from "../connectivityTest/failedProbe.ts";
import { VXLAN_OVERHEAD } from "../mtu.ts";
import { likelyFinding, packets, possibleFinding, provenFinding } from "./end.ts";
import type { DiagnosisSettings, End, Finding } from "./end.ts";

/**
 * Firewall rules that refused the probe's packets, as their counters show, or that may have refused them.
 *
 * @param isExplained whether another finding names the rule already
 */
export function firewallFindings(
  end: End,
  probe: FailedProbe,
  settings: DiagnosisSettings,
  isExplained: (rule: Rule) => boolean,
): Finding[] {
  return end.rules.flatMap((rule): Finding[] => {
    const rise = end.ruleRise(rule);
    if (isJump(rule) || rise === 0 || isExplained(rule) || !mayMatch(rule, end, probe, settings)) return [];
    const isNamed = namesOverlay(rule, end, settings);
    if (rise === undefined) {
      // firewalld's own rules never count; its zone is another finding.
      if (rule.table === "firewalld") return [];
      const text = `${end.name}: the ${describe(rule)} refuses packets and counts none, so it is a suspect and not proven: ${repair(rule, end, settings, isNamed)}.`;
      return [isNamed ? likelyFinding(text) : possibleFinding(text)];
    }
    const position = positionOf(rule, end.rules);
    const verb = `${rise === 1 ? "was" : "were"} ${/reject/i.test(rule.text) ? "rejected" : "dropped"}`;
    const positionText = position === "ahead" ? ", which stands ahead of the overlay's" : "";
    const text = `${end.name}: ${packets(rise)} ${verb} by the ${describe(rule)}${positionText}, while the probe ran: ${repair(rule, end, settings, isNamed)}.`;
    return [isNamed || position === "ahead" ? provenFinding(text) : likelyFinding(text)];
  });
}

/** Whether a rule is one of ours that leads to the chain of an overlay. */
const isJump = (rule: Rule) => / -[jg] oci-vxlan-/.test(rule.text);

function describe({ tool, family, table, chain, hook, text }: Rule): string {
  const name = `${tool} ${/^(-P|policy)/.test(text) ? "policy" : "rule"} \`${text}\``;
  if (tool === "nft") return `${name} in table ${family} ${table}, chain ${chain} (hook ${hook})`;
  return table === "filter" ? name : `${name} in table ${table}`;
}

/** The overlay's own table, which drops what does not come from a peer. */
const isPeerFilter = ({ family, table }: Pick<Rule, "family" | "table">) =>
  family === "ip" && table === "oci-vxlan";

/** Whether a rule stands ahead of our jump in its chain or behind it; undefined where the chain has no jump of ours. */
function positionOf(rule: Rule, rules: readonly Rule[]): "ahead" | "behind" | undefined {
  if (rule.text.startsWith("-P")) return "behind";
  const jumpIndex = rules.findIndex(
    (other) =>
      isJump(other) && (["tool", "table", "chain"] as const).every((key) => other[key] === rule[key]),
  );
  if (jumpIndex === -1) return undefined;
  return rules.indexOf(rule) < jumpIndex ? "ahead" : "behind";
}

/** Whether a rule is about the overlay's packets only. Such a rule can be removed, and opens nothing else. */
export function namesOverlay(
  { text, ...rule }: Rule,
  end: End,
  { device, port }: DiagnosisSettings,
): boolean {
  if (isPeerFilter(rule)) return false;
  const words = text.split(/[\s",{}/]+/);
  return [`${port}`, device, "icmp", "icmpv6", "ipv6-icmp", ...end.addresses].some((word) =>
    words.includes(word),
  );
}

/** Whether a rule may match the probe or the VXLAN around it. A rule for another protocol, port or address does not. */
function mayMatch({ text }: Rule, end: End, probe: FailedProbe, { port }: DiagnosisSettings): boolean {
  const textWithoutComments = text.replace(/--comment ("[^"]*"|\S+)|comment "[^"]*"/g, "");
  const firstGroup = (pattern: RegExp) =>
    pattern
      .exec(textWithoutComments)
      ?.slice(1)
      .find((group) => group !== undefined);
  const protocols = probe.probe === "icmp" ? ["udp", "icmp", "icmpv6", "ipv6-icmp"] : ["udp", "tcp"];
  const protocol = firstGroup(
    /(?<!!) -p ([a-z0-9-]+)|(?:l4proto|ip protocol|nexthdr) ([a-z0-9-]+)|\b(tcp|udp|icmp|icmpv6|sctp) (?:dport|sport|type)/,
  );
  if (protocol !== undefined && !protocols.includes(protocol)) return false;
  // "--dports 53,100:200" or "dport { 53, 100-200 }"
  const ranges = firstGroup(/(?<!! |--)(?:--)?dports? (?:\{ ([^}]*) \}|([\d,:-]+))/)?.split(/[ ,]+/);
  const isInRange = (range: string) => {
    const [low = 0, high = low] = range.split(/[:-]/).map(Number);
    return [port, probe.port ?? port].some((number) => low <= number && number <= high);
  };
  if (ranges !== undefined && !ranges.some(isInRange)) return false;
  const source = firstGroup(/(?<!!) -s ([\d.]+)\/32|ip saddr ([\d.]+)(?=\s)/);
  return source === undefined || end.addresses.includes(source);
}

/** The command that removes a rule about the overlay, or admits the overlay ahead of one that is about more. */
function repair(rule: Rule, end: End, settings: DiagnosisSettings, isNamed: boolean): string {
  const { tool, family, table, chain, handle, hook, text } = rule;
  const tableOption = table === "filter" ? "" : `-t ${table} `;
  const { device, port } = settings;
  if (isPeerFilter(rule)) return repairPeerFilter(rule, end, settings);
  if (isNamed && tool !== "nft")
    return `remove it with \`sudo ${tool} ${tableOption}${text.replace(/^-A /, "-D ")}\`, and from the file that it is loaded from`;
  if (isNamed)
    return `remove it with \`sudo nft delete rule ${family} ${table} ${chain} handle ${handle}\`, and from the file that it is loaded from`;
  // A packet that has left the tunnel is refused as a packet of the device.
  const isInner = tool.startsWith("ip6") || family === "ip6" || end.rise("device.rx_packets") > 0;
  const isOutgoing = hook === "output" || hook === "postrouting";
  const pass = "let the overlay pass ahead of it:";
  if (tool === "nft") {
    const match = isInner ? `${isOutgoing ? "oifname" : "iifname"} ${device}` : `udp dport ${port}`;
    return `${pass} \`sudo nft insert rule ${family} ${table} ${chain} ${match} accept\``;
  }
  const match = isInner ? `${isOutgoing ? "-o" : "-i"} ${device}` : `-p udp --dport ${port}`;
  return `${pass} \`sudo ${tool} ${tableOption}-I ${chain} ${match} -j ACCEPT\``;
}

/** What makes the peer filter admit the peer: its rules about fragments and interfaces count what they drop. */
function repairPeerFilter({ text }: Rule, end: End, { mtu }: DiagnosisSettings): string {
  const { peer, peerUnderlay, underlay } = end;
  if (text.includes("frag-off"))
    return `the network between ${end.name} and ${peer} cuts packets of ${mtu + VXLAN_OVERHEAD} bytes into fragments: set mtu to what it carries less ${VXLAN_OVERHEAD}`;
  if (text.includes("fib saddr"))
    return `they arrive by an interface that neither has ${underlay} nor leads to ${peer}: see which by \`sudo tcpdump -ni any src ${peerUnderlay}\`, and have them arrive by the one that \`ip route get ${peerUnderlay} from ${underlay}\` names`;
  return `put the set of its peers right with ${end.restoreAdvice}`;
}
