import { readHostText } from "../hostText.ts";
import { asRoot } from "../phases/phase.ts";
import type { Peer } from "../plan.ts";
import { parseNftTable } from "./nftTable.ts";
import type { NftTable } from "./nftTable.ts";

/** Seconds after which the command is ended on the host; it takes well below one. */
const TIME_LIMIT = 10;

/** What the script has to know: the host's own settings, and the peers of failed probes. */
interface EvidenceQuestion {
  /** `<stack>.<name>`, as its unit is called. */
  overlay: string;
  device: string;
  port: number;
  underlayAddress: string;
  overlayAddresses: readonly string[];
  /** Port on which its sshd should listen. */
  tcpPort?: number;
  peers: readonly Peer[];
}

/** One firewall rule, or policy, that refuses packets, or one of our jumps. */
export interface Rule {
  /** `iptables`, `ip6tables`, `iptables-legacy`, `ip6tables-legacy` or `nft`. */
  tool: string;
  family: string;
  table: string;
  chain: string;
  /** Hook of the base chain that leads to it, in lower case: `input`, `output`, `prerouting`, … */
  hook: string;
  /** Undefined where it does not count. */
  packets?: number;
  /** By which nft names it. */
  handle?: string;
  text: string;
}

/** The state of a host at one moment, as far as it may explain a failed probe. */
export interface Evidence {
  /** States by key, such as `device.mtu` or `peer.host02.route.192.168.0.2`; evidence.sh lists the keys. */
  values: Readonly<Record<string, string>>;
  /** Packet counters by key, such as `device.rx_packets` or `Tcp.InCsumErrors`. */
  counters: Readonly<Record<string, number>>;
  /** In the order of the ruleset. */
  rules: readonly Rule[];
  /** Tables of nftables but for iptables' and our own. */
  tables: readonly NftTable[];
}

/** The command that collects evidence; `evidenceInput` is its standard input. It changes nothing on the host. */
export function evidenceCommand(): string {
  return asRoot(TIME_LIMIT, "bash -s", "looks why the overlay does not pass");
}

let script: string | undefined;

/** The script, and below it the question. The last line shows the script that nothing was cut off. */
export function evidenceInput(question: EvidenceQuestion): string {
  const readScript = (name: string) => readHostText(new URL(`../host/sent/${name}`, import.meta.url));
  script ??= `read -r -d '' READ_RULES <<'END_OF_AWK'\n${readScript("evidence.awk")}END_OF_AWK\n${readScript("evidence.sh")}`;
  const { overlay, device, port, underlayAddress, overlayAddresses, tcpPort, peers } = question;
  return [
    script.trimEnd(),
    `overlay ${overlay}`,
    `device ${device}`,
    `port ${port}`,
    `underlay ${underlayAddress}`,
    ...overlayAddresses.map((address) => `address ${address}`),
    ...(tcpPort === undefined ? [] : [`tcp ${tcpPort}`]),
    ...peers.map(
      (peer) => `peer ${peer.name} ${peer.underlayAddress} ${peer.mac} ${peer.overlayAddresses.join(" ")}`,
    ),
    "end",
    "",
  ].join("\n");
}

const LINE = /^oci-vxlan evidence (value|count|rule|table|end)(?: (.*))?$/;
const RULE = /^(\S+) (\S+) (\S+) (\S+) (\S+) (-|\d+) (-|\d+) (.+)$/;

/**
 * Reads what evidence.sh prints. It skips other lines, such as a login banner.
 *
 * @throws Error where a line is malformed, or the last one is missing: half a ruleset explains nothing
 */
export function parseEvidence(stdout: string): Evidence {
  const values: Record<string, string> = {};
  const counters: Record<string, number> = {};
  const rules: Rule[] = [];
  const tables: NftTable[] = [];
  let complete = false;
  for (const text of stdout.split("\n")) {
    const [, kind, rest = ""] = LINE.exec(text.trimEnd()) ?? [];
    if (kind === "end") complete = true;
    else if (kind === "rule") rules.push(parseRule(rest));
    else if (kind === "table") tables.push(parseNftTable(rest));
    else if (kind !== undefined) {
      const [, key, value = ""] = /^(\S+)(?: (.*))?$/.exec(rest) ?? [];
      if (key === undefined || (kind === "count" && !/^\d+$/.test(value))) throw malformedLine(text);
      if (kind === "count") counters[key] = Number(value);
      else values[key] = value;
    }
  }
  if (!complete) throw new Error('the host\'s evidence ends without its line "end": it did not arrive whole');
  return { values, counters, rules, tables };
}

function parseRule(rest: string): Rule {
  const match = RULE.exec(rest);
  if (!match) throw malformedLine(rest);
  const [, tool = "", family = "", table = "", chain = "", hook = "", packets, handle, text = ""] = match;
  return {
    tool,
    family,
    table,
    chain,
    hook,
    packets: packets === "-" ? undefined : Number(packets),
    handle: handle === "-" ? undefined : handle,
    text,
  };
}

function malformedLine(line: string): Error {
  return new Error(`the host's evidence has a malformed line: ${JSON.stringify(line.slice(0, 200))}`);
}
