import type { FailedProbe } from "../connectivityTest/failedProbe.ts";

import { End, isProven } from "./end.ts";
import type { DiagnosisSettings, EvidencePair } from "./end.ts";
import { counterFindings } from "./counterFindings.ts";
import { deviceFindings, mtuFindings } from "./deviceFindings.ts";
import { firewallFindings } from "./firewallFindings.ts";
import { hostFindings, targetFindings } from "./hostFindings.ts";
import { pathFinding } from "./pathFinding.ts";
import { addressFindings, macFindings, peerFindings } from "./peerFindings.ts";
import { explains, refusingChains, rulesetFindings } from "./rulesetFindings.ts";

/**
 * Explains a failed probe, with the most likely cause first. Each text names the host, what is wrong there, and what
 * repairs it.
 *
 * @param from evidence of the sender before and after the probe was repeated
 * @param to evidence of its peer; undefined where there is none
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
  const findings = (target ? [target, sender] : [sender]).flatMap((end) => {
    const chains = refusingChains(end, probe, settings);
    return [
      ...rulesetFindings(end, settings, chains),
      ...firewallFindings(end, probe, settings, (rule) => explains(chains, rule)),
      ...deviceFindings(end, settings),
      ...mtuFindings(end, probe, settings),
      ...addressFindings(end, probe, settings),
      ...peerFindings(end, probe, settings),
      ...counterFindings(end, settings),
      ...hostFindings(end, settings),
    ];
  });
  if (target) {
    const macs = [macFindings(sender, target, settings), macFindings(target, sender, settings)];
    findings.push(...targetFindings(target, probe), ...macs.flat());
  }
  if (!findings.some(isProven)) findings.push(pathFinding(sender, target, probe, settings));
  const texts = findings.sort((a, b) => a.rank - b.rank).map(({ text }) => text);
  return [...new Set(texts)]; // A ruleset may have a rule twice.
}
