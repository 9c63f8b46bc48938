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
const TIME_LIMIT = { device: 80, peers: 60, remove: 60 } as const;

/** Seconds that it then has to undo a first installation, before it is killed. */
const GRACE = 20;

/**
 * Runs a command as root: directly, or by sudo where the login user is another. It ends in a hint for the person
 * who reads it in an error.
 */
export function asRoot(seconds: number, command: string, hint: string): string {
  return `$(test $(id -u) -eq 0 || echo sudo -n) timeout -k ${GRACE} ${seconds} ${command} # ${hint}`;
}

/** The command that takes all of an overlay, and of no other, off the host that it runs on. Needs root. */
export function removeDevice({ overlay, owner }: OverlayIdentity): string {
  return `${PROGRAM} remove-device ${overlay} ${owner}`;
}

/**
 * Removes a phase's own files; a host that has none of them is done already. One that lost the program alone is not:
 * then the command fails, and what is left is not forgotten.
 */
function removal(command: string): string {
  const hint = `needs root, or sudo without a password, and ${PROGRAM}: where that is lost, raise the host's generation and run pulumi up first`;
  return `test ! -e ${PROGRAM} -a ! -e /etc/oci-vxlan || ${asRoot(TIME_LIMIT.remove, command, hint)}`;
}

/** Phase device: installs the host side, brings the device up, prints the device report. */
export function devicePhase(
  identity: OverlayIdentity,
  overlay: OverlaySettings,
  host: HostSettings,
  incarnation: Incarnation,
) {
  return {
    create: asRoot(TIME_LIMIT.device, "bash -s", "needs root, or sudo without a password"),
    delete: removal(removeDevice(identity)),
    stdin: installScript(identity.overlay, deviceSettings(identity, overlay, host, incarnation)),
  };
}

/** The settings of one host's device, as they are stored on the host. */
export function deviceSettings(
  { overlay: id, owner }: OverlayIdentity,
  overlay: OverlaySettings,
  host: HostSettings,
  { generation, machine }: Incarnation,
): string {
  return lines(
    `overlay ${id}`,
    `owner ${owner}`,
    `device ${overlay.device}`,
    `vni ${overlay.vni}`,
    `port ${overlay.port}`,
    `underlay ${host.underlayAddress}`,
    ...interfaceAddresses(overlay, host).map((address) => `address ${address}`),
    ...(overlay.mtu === undefined ? [] : [`mtu ${overlay.mtu}`]),
    `flood ${overlay.flood}`,
    `ingress ${overlay.overlayIngress}`,
    `firewall ${overlay.hostFirewall}`,
    `generation ${generation}`,
    ...(machine === undefined ? [] : [`machine ${machine}`]),
  );
}

/** Phase peers: one command, however many peers there are. */
export function peersPhase({ overlay }: OverlayIdentity, plan: PeersPlan) {
  return {
    create: asRoot(
      TIME_LIMIT.peers,
      `${PROGRAM} peers ${overlay}`,
      "if it is missing, the host was re-imaged: raise its generation",
    ),
    delete: removal(`${PROGRAM} remove-peers ${overlay} ${plan.installation}`),
    stdin: peersSettings(plan),
  };
}

/** The peers of one host, as they are stored on the host. The last line tells whether they came whole. */
export function peersSettings({ installation, mtu, peers }: PeersPlan): string {
  return lines(
    `installation ${installation}`,
    `mtu ${mtu}`,
    ...peers.map(
      (peer) => `peer ${peer.name} ${peer.mac} ${peer.underlayAddress} ${peer.overlayAddresses.join(" ")}`,
    ),
    "end",
  );
}

/**
 * The script that installs the host side and then hands the settings to it. The braces make bash read it to
 * the end before any of it runs, so a connection that breaks half-way installs nothing.
 */
function installScript(overlay: string, settings: string): string {
  return lines(
    "{",
    installer(),
    ...hostFiles().map(({ path, mode, text }) => `install_file ${path} ${mode} ${hereDocument(text)}`),
    `hand_over ${PROGRAM} device ${overlay} ${hereDocument(settings)}`,
    "}",
  );
}

function hereDocument(text: string): string {
  const end = "END_OF_OCI_VXLAN_FILE";
  if (text.split("\n").includes(end)) throw new Error(`a file for the host holds the line ${end}`);
  return `<<'${end}'\n${text.endsWith("\n") ? text : `${text}\n`}${end}`;
}

function lines(...text: string[]): string {
  return `${text.join("\n")}\n`;
}
