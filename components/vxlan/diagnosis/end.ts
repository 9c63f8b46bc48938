import type { Evidence, Rule } from "./evidence.ts";
import type { NftTable } from "./nftTable.ts";

/** Evidence of a host right before and right after the probe was repeated. The probe made the counters rise. */
export interface EvidencePair {
  before: Evidence;
  after: Evidence;
}

export interface DiagnosisSettings {
  device: string;
  port: number;
  vni?: number;
  /** MTU of the device. */
  mtu: number;
  /** Whether the hosts' firewalls should admit all that arrives by the device, or ICMP only. */
  admitsAll: boolean;
}

/** One explanation of a failed probe. */
export interface Finding {
  /** How sure it is: 0 is proven, 1 likely, 2 possible. */
  rank: number;
  text: string;
}

/** A cause that was seen to break the probe. */
export const provenFinding = (text: string): Finding => ({ rank: 0, text });
/** A cause that would explain the failure. */
export const likelyFinding = (text: string): Finding => ({ rank: 1, text });
/** Something unusual that may be the cause. */
export const possibleFinding = (text: string): Finding => ({ rank: 2, text });
export const isProven = ({ rank }: Finding) => rank === 0;

/** One end of a failed probe: a host's evidence about itself and about the other end. */
export class End {
  readonly name: string;
  readonly underlay: string;
  readonly peer: string;
  readonly peerUnderlay: string;
  private readonly pair: EvidencePair;

  constructor(name: string, underlay: string, peer: string, peerUnderlay: string, pair: EvidencePair) {
    this.name = name;
    this.underlay = underlay;
    this.peer = peer;
    this.peerUnderlay = peerUnderlay;
    this.pair = pair;
  }

  value(key: string): string | undefined {
    return this.pair.after.values[key];
  }

  /** Values of keys that begin with a prefix, by the rest of their key. */
  valuesBelow(prefix: string): [string, string][] {
    return Object.entries(this.pair.after.values).flatMap(([key, value]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), value] as [string, string]] : [],
    );
  }

  aboutPeer(key: string): string | undefined {
    return this.value(`peer.${this.peer}.${key}`);
  }

  /** How much a counter rose while the probe was repeated. A device that was created meanwhile counts from zero. */
  rise(key: string): number {
    const after = this.pair.after.counters[key] ?? 0;
    const before = this.pair.before.counters[key] ?? 0;
    return after >= before ? after - before : after;
  }

  /** All addresses of both ends. */
  get addresses(): string[] {
    const ownAddresses = this.valuesBelow("address.");
    const peerRoutes = this.valuesBelow(`peer.${this.peer}.route.`);
    return [
      this.underlay,
      this.peerUnderlay,
      ...[...ownAddresses, ...peerRoutes].map(([address]) => address),
    ];
  }

  get rules(): readonly Rule[] {
    return this.pair.after.rules;
  }

  get tables(): readonly NftTable[] {
    return this.pair.after.tables;
  }

  /** Packets that a rule counted while the probe was repeated; undefined where it does not count. */
  ruleRise(rule: Rule): number | undefined {
    if (rule.packets === undefined) return undefined;
    const isSame = (other: Rule) => keyOf(other) === keyOf(rule);
    const sum = (rules: readonly Rule[]) =>
      rules.filter(isSame).reduce((total, { packets = 0 }) => total + packets, 0);
    return Math.max(0, sum(this.pair.after.rules) - sum(this.pair.before.rules));
  }

  /** The command that repairs the overlay on the host. */
  get restoreAdvice(): string {
    const unit = this.value("unit.name") ?? "'oci-vxlan@*'";
    return `sudo systemctl ${this.value("unit.state") === "active" ? "restart" : "enable --now"} ${unit}`;
  }
}

/** Identifies a rule, without its counter. */
const keyOf = ({ tool, family, table, chain, handle, text }: Rule) =>
  [tool, family, table, chain, handle, text].join(" ");
export const familyOf = (address: string) => (address.includes(":") ? 6 : 4);
export const packets = (count: number) => (count === 1 ? "1 packet" : `${count} packets`);
