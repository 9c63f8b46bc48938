import { TRANSFER_KIB } from "./transfer.ts";

/** A probe that got another answer than it should, or none. */
export interface FailedProbe {
  from: string;
  to: string;
  fromUnderlay: string;
  toUnderlay: string;
  /** The peer's overlay address. */
  address: string;
  probe: "icmp" | "tcp" | "transfer";
  /** Bytes of an ICMP echo's payload. */
  size?: number;
  /** TCP port. */
  port?: number;
  /** How it ended: a word of probe.sh, for example `silent`; for a transfer, a sentence. */
  answer: string;
}

/** A failed probe as a sentence: both hosts, their addresses, and how it ended. */
export function describeFailure(failure: FailedProbe): string {
  const { from, to, address, fromUnderlay, toUnderlay } = failure;
  return `${from} -> ${to} (${address}, by ${fromUnderlay} -> ${toUnderlay}): ${describeAnswer(failure)}`;
}

function describeAnswer({ probe, size, port, answer }: FailedProbe): string {
  if (probe === "transfer") {
    return `TCP to port ${port} answers, and a transfer of ${TRANSFER_KIB} KiB does not arrive: ${answer}`;
  }
  const subject = probe === "tcp" ? `TCP to port ${port}` : `ICMP of ${size} bytes`;
  switch (answer) {
    case "silent":
      return `${subject} timed out`;
    case "only-small":
      return `${subject} timed out, while a small one is answered`;
    case "too-long":
      return `${subject} is too long for this host's device or a hop behind it`;
    case "prohibited":
      return `${subject} was refused by a firewall`;
    case "refused":
      return `${subject} was refused`;
    case "unreachable":
      return `${subject} found its destination unreachable`;
    case "not-permitted":
      return `${subject} may not be sent from this host`;
    case "no-banner":
      return `${subject} connected, and no SSH banner came`;
    case "late":
      return "not probed, since the others took too long";
    case "unfinished":
      return "its probes ended without a result";
    default:
      return `${subject} ended as ${answer}`;
  }
}
