import { readFileSync } from "node:fs";
import { gzipSync, strToU8 } from "fflate";
import { PROGRAM, lines } from "./phase.ts";

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

const read = (source: string) => readFileSync(new URL(`../host/${source}`, import.meta.url), "utf8");

let cached: HostFile[] | undefined;
let script: string | undefined;

/** The host side: real files beside this module, read once. */
export function hostFiles(): readonly HostFile[] {
  cached ??= FILES.map(({ source, path, mode }) => ({ path, mode, text: read(source) }));
  return cached;
}

/** The shell that puts them in place; it stays on no host. */
function installer(): string {
  script ??= read("install.sh");
  return script;
}

/**
 * The script that installs the host side and then hands the settings to it. The braces make bash read it to
 * the end before any of it runs, so a connection that breaks half-way installs nothing.
 *
 * The host side is packed, since a state holds this text twice for each host. The settings are not: they are what a
 * preview shows of a change.
 */
export function installScript(overlay: string, settings: string): string {
  return lines(
    "{",
    `HOST_SIDE=$(base64 -d ${hereDocument(packedHostSide(), " | gzip -dc")}`,
    ") || { echo 'oci-vxlan: error: this host cannot unpack the program: install gzip and coreutils, then run pulumi up again' >&2; exit 1; }",
    'eval "$HOST_SIDE"',
    `hand_over ${PROGRAM} device ${overlay} ${hereDocument(settings)}`,
    "}",
  );
}

let packed: string | undefined;

/** The installer and all files of the host side, the same bytes on every machine: Node's own gzip differs by version. */
function packedHostSide(): string {
  if (packed === undefined) {
    const files = hostFiles().map(
      ({ path, mode, text }) => `install_file ${path} ${mode} ${hereDocument(text)}`,
    );
    const bytes = gzipSync(strToU8(lines(installer(), ...files)), { level: 9, mtime: 0 });
    packed = Buffer.from(bytes).toString("base64").replace(/.{76}/g, "$&\n");
  }
  return packed;
}

/**
 * The settings in phase device's standard input, as a state may hold it: a phase that this run was told to leave alone
 * (`--target`) has other settings than the program would send.
 */
export function deviceSettingsIn(stdin: string): string {
  return new RegExp(`^hand_over .*\\n([^]*?)^${END_OF_FILE}$`, "m").exec(stdin)?.[1] ?? "";
}

const END_OF_FILE = "END_OF_OCI_VXLAN_FILE";

/** @param then what the command that reads it goes on with, on the same line */
function hereDocument(text: string, then = ""): string {
  if (text.split("\n").includes(END_OF_FILE))
    throw new Error(`a file for the host holds the line ${END_OF_FILE}`);
  return `<<'${END_OF_FILE}'${then}\n${text.endsWith("\n") ? text : `${text}\n`}${END_OF_FILE}`;
}
