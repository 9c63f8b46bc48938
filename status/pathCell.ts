import type { PathReport } from "./report.ts";

/** Some paths, in a word or two. */
export interface PathCell {
  state: PathReport["state"] | "not probed";
  text: string;
}

/** The worst state of the paths between two hosts, and the slowest round trip. */
export function pathCell(paths: readonly PathReport[]): PathCell {
  const [first] = paths;
  if (!first) return { state: "not probed", text: "-" };
  const failedPath = paths.find(({ state }) => state === "fails");
  if (failedPath) return { state: "fails", text: failedPath.tcp === "fails" ? "TCP FAILS" : "FAILS" };
  if (first.state === "unknown") return { state: "unknown", text: "?" };
  const times = paths.flatMap((path) => path.milliseconds ?? []);
  const time = times.length === 0 ? "passes" : milliseconds(Math.max(...times));
  const lostEchoes = Math.max(...paths.map(({ sent = 0, received = 0 }) => sent - received));
  if (lostEchoes === 0) return { state: "passes", text: time };
  return { state: "loses", text: `${time}, ${lostEchoes} of ${first.sent} lost` };
}

export const milliseconds = (value: number) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
