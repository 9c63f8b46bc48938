import { evidenceInput, parseEvidence } from "../../components/vxlan/diagnosis/evidence.ts";
import type { Evidence } from "../../components/vxlan/diagnosis/evidence.ts";
import { HOST, OVERLAY, PEER, host } from "./overlay.ts";

/** The question of the program to the host of a test after a failed probe. */
export const QUESTION = {
  ...HOST,
  overlay: OVERLAY,
  device: "vxlan0",
  port: 4789,
  tcpPort: 22,
  peers: [PEER],
};

/** Sends the script as the program does. */
export async function collectEvidence(question = QUESTION, shell = "bash -s"): Promise<Evidence> {
  const input = evidenceInput(question);
  return parseEvidence(await host.on(`${shell} <<'END_OF_INPUT'\n${input}END_OF_INPUT`));
}
