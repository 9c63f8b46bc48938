import { readFileSync } from "node:fs";

/** A file that the device phase puts on every host. */
export interface HostFile {
  /** Where it goes on the host. */
  path: string;
  /** Its permissions in octal, as `stat -c %a` prints them. */
  mode: string;
  text: string;
}

const LIBRARY = "/usr/local/lib/oci-vxlan";
const PARTS = [
  "files.sh",
  "device.sh",
  "entries.sh",
  "entries.awk",
  "drop-table.sh",
  "accept.sh",
  "missing-rules.awk",
  "look.sh",
  "watch.sh",
  "hands-off.sh",
  "unit.sh",
  "guard.sh",
  "overlaps.awk",
] as const;

const FILES = [
  ...PARTS.map((source) => ({ source, path: `${LIBRARY}/${source}`, mode: "644" })),
  { source: "oci-vxlan@.service", path: "/etc/systemd/system/oci-vxlan@.service", mode: "644" },
  { source: "oci-vxlan", path: "/usr/local/sbin/oci-vxlan", mode: "755" },
] as const;

const read = (source: string) => readFileSync(new URL(`./host/${source}`, import.meta.url), "utf8");

let cached: HostFile[] | undefined;
let script: string | undefined;

/** The host side: real files beside this module, read once. */
export function hostFiles(): readonly HostFile[] {
  cached ??= FILES.map(({ source, path, mode }) => ({ path, mode, text: read(source) }));
  return cached;
}

/** The shell that puts them in place; it stays on no host. */
export function installer(): string {
  script ??= read("install.sh");
  return script;
}
