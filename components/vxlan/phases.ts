import { createHash } from "node:crypto";
import { gzipSync, strToU8 } from "fflate";
import { hostFiles, installer } from "./hostFiles.ts";
import { interfaceAddresses } from "./plan.ts";
import type { PeersPlan } from "./plan.ts";
import type { HostSettings, OverlaySettings } from "./settings.ts";

/**
 * What runs on a host in each phase: one SSH session, one short constant command, and everything that varies
 * on its standard input. A failed command is printed whole by its provider, so nothing but the phase stands
 * in it.
 */

/** Which overlay on a host is meant, and whose it is. */
export interface OverlayIdentity {
  /** `<stack>.<name>`: names the overlay's files and unit on the host. */
  overlay: string;
  /** `<project>/<stack>/<name>`: a device that another owner set up is refused. */
  owner: string;
}

/**
 * The digest of a resource's URN. A host keeps it with what the resource put there, and the resource's delete carries it:
 * by the time that the delete runs, the files may be another resource's, as after a rename.
 *
 * @param urn of the phase's resource
 */
export function resourceDigest(urn: string): string {
  return createHash("sha256").update(urn).digest("hex").slice(0, 16);
}

/** What is installed again when it changes, although the host's settings did not. */
export interface Incarnation {
  /** Raised by a user to have the host installed anew. */
  generation: number;
  /** OCIDs of the instance and its boot volume; undefined for hosts that existed before. */
  machine?: string;
}

/** Below /usr/local/sbin SELinux lets systemd run a program, as it does not below /usr/local/lib. */
export const PROGRAM = "/usr/local/sbin/oci-vxlan";

/** Seconds after which a phase's remote side is ended: a hung host must not hang `pulumi up`. */
const TIME_LIMIT = { device: 80, peers: 60, remove: 60, confirm: 40 } as const;

/** Seconds that it then has to undo a first installation, before it is killed. */
const GRACE = 20;

/**
 * Runs a command as root: directly, or by sudo where the login user is another. It ends in a hint for the person
 * who reads it in an error.
 */
export function asRoot(seconds: number, command: string, hint: string): string {
  // sudo drops this variable, by which the program knows who is logged in.
  const environment = 'env "SSH_CONNECTION=$SSH_CONNECTION"';
  return `$(test $(id -u) -eq 0 || echo sudo -n) ${environment} timeout -k ${GRACE} ${seconds} ${command} # ${hint}`;
}

/** The command by which a person takes an overlay off the host that it runs on. Needs root. */
export function removeOverlay({ overlay }: Pick<OverlayIdentity, "overlay">): string {
  return `${PROGRAM} remove ${overlay}`;
}

/**
 * Removes a phase's own files; a host that has none of them is done already. One that lost the program alone is not:
 * then the command fails, and what is left is not forgotten.
 */
function removal(command: string): string {
  const hint = `needs root, or sudo without a password, and ${PROGRAM}: where that is lost, raise the host's generation and run pulumi up first`;
  return `test ! -e ${PROGRAM} -a ! -e /etc/oci-vxlan || ${asRoot(TIME_LIMIT.remove, command, hint)}`;
}

/** What a phase is: the command, its standard input, and the settings that it leaves on the host. */
export interface Phase {
  create: string;
  delete: string;
  stdin: string;
  /** The text of the settings file, which is part of `stdin`. */
  settings: string;
}

/**
 * Phase device: installs the host side, brings the device up, prints the device report.
 *
 * @param resource digest of the phase's resource
 */
export function devicePhase(
  identity: OverlayIdentity,
  resource: string,
  overlay: OverlaySettings,
  host: HostSettings,
  incarnation: Incarnation,
): Phase {
  const settings = deviceSettings(identity, resource, overlay, host, incarnation);
  return {
    create: asRoot(TIME_LIMIT.device, "bash -s", "needs root, or sudo without a password"),
    delete: removal(`${PROGRAM} remove-device ${identity.overlay} ${identity.owner} ${resource}`),
    stdin: installScript(identity.overlay, settings),
    settings,
  };
}

/** The settings of one host's device, as they are stored on the host. */
export function deviceSettings(
  { overlay: id, owner }: OverlayIdentity,
  resource: string,
  overlay: OverlaySettings,
  host: HostSettings,
  { generation, machine }: Incarnation,
): string {
  return lines(
    `overlay ${id}`,
    `owner ${owner}`,
    `resource ${resource}`,
    `device ${overlay.device}`,
    `vni ${overlay.vni}`,
    `port ${overlay.port}`,
    `underlay ${host.underlayAddress}`,
    ...interfaceAddresses(overlay, host).map((address) => `address ${address}`),
    ...(overlay.mtu === undefined ? [] : [`mtu ${overlay.mtu}`]),
    `flood ${overlay.flood}`,
    `ingress ${overlay.overlayIngress}`,
    `firewall ${overlay.hostFirewall}`,
    `confirm-timeout ${overlay.confirmTimeout}`,
    `generation ${generation}`,
    ...(machine === undefined ? [] : [`machine ${machine}`]),
  );
}

/**
 * Phase peers: one command, however many peers there are.
 *
 * @param resource digest of the phase's resource
 */
export function peersPhase({ overlay }: OverlayIdentity, resource: string, plan: PeersPlan): Phase {
  const settings = peersSettings(resource, plan);
  return {
    create: asRoot(
      TIME_LIMIT.peers,
      `${PROGRAM} peers ${overlay}`,
      "if it is missing, the host was re-imaged: raise its generation",
    ),
    delete: removal(`${PROGRAM} remove-peers ${overlay} ${plan.installation} ${resource}`),
    stdin: settings,
    settings,
  };
}

/** The peers of one host, as they are stored on the host. The last line tells whether they came whole. */
export function peersSettings(resource: string, { installation, mtu, peers }: PeersPlan): string {
  return lines(
    `resource ${resource}`,
    `installation ${installation}`,
    `mtu ${mtu}`,
    ...peers.map(
      (peer) => `peer ${peer.name} ${peer.mac} ${peer.underlayAddress} ${peer.overlayAddresses.join(" ")}`,
    ),
    "end",
  );
}

/**
 * The command by which a new SSH session confirms a change of a host's settings.
 *
 * @param settings that the change has set
 */
export function confirmCommand({ overlay }: Pick<OverlayIdentity, "overlay">, settings: string): string {
  return asRoot(
    TIME_LIMIT.confirm,
    `${PROGRAM} confirm ${overlay} ${digestOf(settings)}`,
    "keeps the change",
  );
}

/** The digest of a settings file, as the host computes it. */
export function digestOf(settings: string): string {
  return createHash("sha256").update(settings).digest("hex");
}

/**
 * The script that installs the host side and then hands the settings to it. The braces make bash read it to
 * the end before any of it runs, so a connection that breaks half-way installs nothing.
 *
 * The host side is packed, since a state holds this text twice for each host. The settings are not: they are what a
 * preview shows of a change.
 */
function installScript(overlay: string, settings: string): string {
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

function lines(...text: string[]): string {
  return `${text.join("\n")}\n`;
}
