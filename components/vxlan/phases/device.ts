import { contains, parseAddress, parseCidr } from "../addresses.ts";
import type { HostSettings, OverlaySettings } from "../settings.ts";
import { installScript } from "./install.ts";
import { PROGRAM, asRoot, digestOf, lines } from "./phase.ts";
import type { OverlayIdentity, Phase } from "./phase.ts";
import { removalCommand } from "./removal.ts";

/** What is installed again when it changes, although the host's settings did not. */
export interface Incarnation {
  /** Raised by a user to have the host installed anew. */
  generation: number;
  /** OCIDs of the instance and its boot volume; undefined for hosts that existed before. */
  machine?: string;
}

/** Seconds after which a phase's remote side is ended: a hung host must not hang `pulumi up`. */
const TIME_LIMIT = { device: 80, confirm: 40 } as const;

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
    delete: removalCommand(`${PROGRAM} remove-device ${identity.overlay} ${identity.owner} ${resource}`),
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

/** A host's overlay addresses with the prefix lengths of the networks they lie in. */
export function interfaceAddresses(overlay: Pick<OverlaySettings, "cidrs">, host: HostSettings): string[] {
  return host.overlayAddresses.map((text) => {
    const address = parseAddress(text);
    const cidr = overlay.cidrs
      .map(parseCidr)
      .find((candidate) => candidate && address && contains(candidate, address));
    if (!address || !cidr) throw new Error(`${text} lies in none of ${overlay.cidrs.join(", ")}`);
    return `${address.toString()}/${cidr.prefix}`;
  });
}

/** What a host says about its VXLAN device once it is up. */
export interface DeviceReport {
  /** The MAC that the kernel has on the device: lower case, colon-separated. */
  mac: string;
  /** MTU in bytes of the NIC that carries the underlay address. */
  underlayMtu: number;
  /** Random id that was made together with the host-side state, new whenever the host is installed anew. */
  installation: string;
}

const LINE = /^oci-vxlan device mac=(\S+) mtu=(\d+) installation=(\S+)$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/**
 * Reads the line that the device phase prints. It is strict on purpose: a login banner or a shell's greeting
 * on stdout must never end up as a MAC in a peer's tables.
 *
 * @throws when the output holds no such line, or more than one, or one that cannot be true
 */
export function parseDeviceReport(host: string, stdout: string): DeviceReport {
  const lines = stdout.split("\n").flatMap((line) => {
    const match = LINE.exec(line.trim());
    return match ? [match] : [];
  });
  const [line, another] = lines;
  if (!line || another) {
    throw new Error(
      `${host}: expected one line "oci-vxlan device mac=… mtu=… installation=…" from its device phase, got ${lines.length} ` +
        `in ${JSON.stringify(stdout.slice(0, 200))}. Make sure that nothing on the host replaces sudo or bash for this user.`,
    );
  }
  const [, mac = "", mtu = "", installation = ""] = line;
  if (!MAC.test(mac) || isMulticast(mac) || mac === "00:00:00:00:00:00") {
    throw new Error(
      `${host}: "${mac}" is no MAC that a device can have. Look at "ip link show" on the host.`,
    );
  }
  return { mac, underlayMtu: Number(mtu), installation };
}

/** The lowest bit of the first octet marks a group address. */
function isMulticast(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
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
