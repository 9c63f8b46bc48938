import { TRANSFER_BYTES } from "./probe.ts";

/** A probe that stayed without the answer that it should have had. */
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
  /** How it ended, in the words of probe.sh; of a transfer, as a sentence. */
  answer: string;
}

/** One failed probe in words: the pair, by which addresses, and what was seen. */
export function describeFailure(failure: FailedProbe): string {
  const { from, to, address, fromUnderlay, toUnderlay } = failure;
  return `${from} -> ${to} (${address}, by ${fromUnderlay} -> ${toUnderlay}): ${describeAnswer(failure)}`;
}

function describeAnswer({ probe, size, port, answer }: FailedProbe): string {
  if (probe === "transfer") {
    return `TCP to port ${port} answers, and a transfer of ${TRANSFER_BYTES / 1024} KiB does not arrive: ${answer}`;
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
    default:
      return `${subject} ended as ${answer}`;
  }
}
