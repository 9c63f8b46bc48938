import type { StatusReport } from "./report.ts";

/**
 * The exit code of `npm run status`: 0 well, 1 something is wrong, 2 could not look. A report about hosts of which none
 * could be asked says nothing about the overlay.
 */
export function exitCodeOf({ state, overlays }: StatusReport): 0 | 1 | 2 {
  const hosts = overlays.flatMap((overlay) => overlay.hosts).filter((host) => host.state !== "down");
  if (hosts.length > 0 && hosts.every((host) => host.state === "unreachable")) return 2;
  return state === "well" ? 0 : 1;
}
