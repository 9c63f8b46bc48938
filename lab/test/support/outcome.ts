/** How a run of Pulumi ended. */
export interface Outcome {
  exitCode: number;
  /** Everything that it printed, stderr behind stdout. */
  text: string;
  /** How many operations of each kind it made: `{ created: 2, unchanged: 5 }`. */
  counts: Record<string, number>;
}

/** Reads the engine's own counts: lines such as `+ 6 created` and `4 changes. 2 unchanged` below `Resources:`. */
export function operationCounts(stdout: string): Record<string, number> {
  const summary = /\nResources:\n((?: +.*\n)*)/.exec(stdout)?.[1] ?? "";
  const counts = [...summary.matchAll(/(\d+) (?:to )?([a-z]+)/g)].map(([, count, kind]) => [
    kind,
    Number(count),
  ]);
  return Object.fromEntries(counts.filter(([kind]) => kind !== "changes")) as Record<string, number>;
}

/** How `npm run lab` and `npm run status` end where all is well with two hosts. */
export const ALL_PASS =
  /^2 of 2 paths pass: echoes of 8922 bytes, unfragmented, in [\d.]+ ms to [\d.]+ ms, TCP to sshd too, 256 KiB to 2 of 2 hosts$/m;
