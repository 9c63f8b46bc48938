import { gzipSync, strToU8 } from "fflate";
import { readHostText } from "../hostText.ts";
import { RELEASE } from "../release.ts";
import { PROGRAM, asRoot, digestOf, lines } from "./phase.ts";
import type { CommandWithInput } from "./sentVerb.ts";

/** Seconds after which the delivery is ended on the host. */
const DELIVERY_LIMIT = 30;

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
  "lock.sh",
  "settings.sh",
  "device.sh",
  "offload.sh",
  "fdb.sh",
  "fdb.awk",
  "peer-filter.sh",
  "firewall.sh",
  "iptables.sh",
  "firewalld.sh",
  "permanent.sh",
  "snapshot.sh",
  "monitor.sh",
  "paths.sh",
  "status.sh",
  "unmanaged.sh",
  "service.sh",
  "guard.sh",
  "phases.sh",
  "removal.sh",
  "status.awk",
] as const;

const FILES = [
  ...PARTS.map((source) => ({ source, path: `${LIBRARY}/${source}`, mode: "644" })),
  { source: "oci-vxlan@.service", path: "/etc/systemd/system/oci-vxlan@.service", mode: "644" },
  { source: "oci-vxlan", path: "/usr/local/sbin/oci-vxlan", mode: "755" },
] as const;

const readSource = (source: string) => readHostText(new URL(`../host/${source}`, import.meta.url));

let cachedFiles: HostFile[] | undefined;

/** The host side: the files below `host/`, read once, with the release in them. */
export function hostFiles(): readonly HostFile[] {
  cachedFiles ??= FILES.map(({ source, path, mode }) => ({
    path,
    mode,
    text: withRelease(readSource(source)),
  }));
  return cachedFiles;
}

const RELEASE_LINE = /^RELEASE=\S+/m;

const withRelease = (text: string) => text.replace(RELEASE_LINE, `RELEASE=${RELEASE}`);

/**
 * Standard input of phase device: installs the program that was delivered before, and sets the overlay up from the
 * settings. The program itself is not part of it, since the state holds this text twice for each host. Its digest is
 * part of it, so that every host gets another version of the program. The name of the release is not in the digest: a
 * release that changes nothing of the program leaves the hosts alone. The braces make bash read all of the script
 * before it runs any, so a connection that breaks half-way installs nothing.
 */
export function installScript(overlay: string, resource: string, settings: string): string {
  const file = deliveryFile(resource);
  return lines(
    `# program ${hostSideDigest()}`,
    "{",
    "export TMPDIR=/run", // Older bash writes here-documents to files, and the disk may be full.
    `HOST_SIDE=$(cat ${file}) || { echo "oci-vxlan: error: the program did not reach $(hostname): run pulumi up again" >&2; exit 1; }`,
    `rm ${file}`,
    `OVERLAY=${overlay}`,
    'eval "$HOST_SIDE"',
    `hand_over ${PROGRAM} device ${overlay} ${hereDocument(settings)}`,
    "}",
  );
}

/**
 * A file in /run, where only root creates one; phase device of this resource reads and removes it. It is not below
 * /run/oci-vxlan, which goes with the last overlay: a host that leaves this machine may be removed from it meanwhile.
 */
const deliveryFile = (resource: string) => `/run/oci-vxlan-program-${resource}`;

/** The line that the delivery prints. Without it, the login has run something else, such as a forced command of sshd. */
export const DELIVERY_LINE = "oci-vxlan-delivered";

/**
 * Delivers the program to a host, over a session of the program's own, before phase device runs there.
 *
 * @param resource digest of the phase's resource
 */
export function delivery(resource: string): CommandWithInput {
  const file = deliveryFile(resource);
  return {
    command: asRoot(DELIVERY_LIMIT, "bash -s", "needs root, or sudo without a password"),
    input: lines(
      "{",
      "umask 077",
      "export TMPDIR=/run", // As in the script above.
      `if base64 -d ${hereDocument(packedHostSide(), ` | gzip -dc >${file}.new`)}`,
      "then",
      `mv ${file}.new ${file}`,
      `echo ${DELIVERY_LINE}`,
      "else",
      `rm -f ${file}.new`,
      'echo "oci-vxlan: error: $(hostname) cannot unpack the program: free space in /run, install gzip and coreutils, then run pulumi up again" >&2',
      "exit 1",
      "fi",
      "}",
    ),
  };
}

/** The version of the program, which it carries itself. */
function programVersion(): string {
  const version = /^VERSION=(\d+) /m.exec(readSource("oci-vxlan"))?.[1];
  if (version === undefined) throw new Error("host/oci-vxlan has no line VERSION=…");
  return version;
}

/** Phase device, which is not installed, and all files of the program. */
export function hostSide(): string {
  const files = hostFiles().map(
    ({ path, mode, text }) => `stage_file ${path} ${mode} ${quoteForShell(text)}`,
  );
  const overlaps = `OVERLAPS=${quoteForShell(readSource("sent/overlaps.awk"))}`;
  const functions = ["lock.sh", "sent/install.sh", "sent/phase-device.sh"].map(readSource);
  return lines(...functions, overlaps, `begin_installation ${programVersion()}`, ...files);
}

/** A text as one word of bash. A here-document would be read byte by byte, or by a process. */
const quoteForShell = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

let digest: string | undefined;

function hostSideDigest(): string {
  digest ??= digestOf(hostSide().replace(RELEASE_LINE, "RELEASE="));
  return digest;
}

let packedBase64: string | undefined;

function packedHostSide(): string {
  if (packedBase64 === undefined) {
    const bytes = gzipSync(strToU8(hostSide()), { level: 9, mtime: 0 });
    packedBase64 = Buffer.from(bytes).toString("base64").replace(/.{76}/g, "$&\n");
  }
  return packedBase64;
}

/**
 * Reads the settings from a script of `installScript`. A state may hold another script than this run would send, for
 * example where `--target` leaves the host out.
 */
export function deviceSettingsIn(stdin: string): string {
  return new RegExp(`^hand_over .*\\n([^]*?)^${END_OF_FILE}$`, "m").exec(stdin)?.[1] ?? "";
}

/** The digest of the program that a script of `installScript` installs. */
export const programDigestIn = (stdin: string): string | undefined => /^# program (\S+)$/m.exec(stdin)?.[1];

const END_OF_FILE = "END_OF_OCI_VXLAN_FILE";

/** @param firstLineEnd of the line, behind the command that reads the document */
function hereDocument(text: string, firstLineEnd = ""): string {
  if (text.split("\n").includes(END_OF_FILE))
    throw new Error(`a file for the host holds the line ${END_OF_FILE}`);
  return `<<'${END_OF_FILE}'${firstLineEnd}\n${text.endsWith("\n") ? text : `${text}\n`}${END_OF_FILE}`;
}
