import { contains, parseAddress, parseCidr } from "../addresses.ts";
import { printable } from "../printable.ts";
import type { HostSettings, OverlaySettings } from "../settings.ts";
import { installScript } from "./install.ts";
import { PROGRAM, asRoot, digestOf, lines } from "./phase.ts";
import type { OverlayIdentity, Phase } from "./phase.ts";
import { removalCommand } from "./removal.ts";
import { sentVerb } from "./sentVerb.ts";
import type { CommandWithInput } from "./sentVerb.ts";

/** Why a host is installed anew although its settings are the same: one of these changed. */
export interface ReinstallTriggers {
  /** The `generation` of the host's config; a user raises it. */
  generation: number;
  /** OCIDs of the instance and its boot volume; undefined for existing hosts. */
  instanceIdentity?: string;
}

/** Seconds after which each command is ended on the host. */
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
  triggers: ReinstallTriggers,
): Phase {
  const settings = deviceSettings(identity, resource, overlay, host, triggers);
  return {
    create: asRoot(TIME_LIMIT.device, "bash -s", "needs root, or sudo without a password"),
    delete: removalCommand(`${PROGRAM} remove-device ${identity.overlay} ${identity.owner} ${resource}`),
    stdin: installScript(identity.overlay, resource, settings),
    settings,
  };
}

/** The settings file of one host's device. */
export function deviceSettings(
  { overlay: id, owner }: OverlayIdentity,
  resource: string,
  overlay: OverlaySettings,
  host: HostSettings,
  { generation, instanceIdentity }: ReinstallTriggers,
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
    ...(overlay.checksumOffload === "off" ? ["offload off"] : []),
    ...(overlay.pathProbes ? [] : ["probes off"]),
    `confirm-timeout ${overlay.confirmTimeout}`,
    `generation ${generation}`,
    ...(instanceIdentity === undefined ? [] : [`machine ${instanceIdentity}`]),
  );
}

/** A host's overlay addresses with the prefix lengths of their networks, for example `192.168.0.1/24`. */
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

/** What phase device reports about a host. */
export interface DeviceReport {
  /** Name of the host. */
  host: string;
  /** MAC of the VXLAN device: lower case, colon-separated. */
  mac: string;
  /** MTU in bytes of the NIC that carries the underlay address. */
  underlayMtu: number;
  /** Random id, new whenever the host is installed anew. */
  installation: string;
}

const LINE =
  /^oci-vxlan device mac=(\S+) mtu=(\d+) installation=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/**
 * Reads the line that phase device prints. It is strict, since a login banner must never become a MAC in a peer's FDB.
 *
 * @throws Error where the output has no such line, several, or one with an impossible MAC
 */
export function parseDeviceReport(host: string, stdout: string): DeviceReport {
  const output = printable(stdout);
  const reports = output.split("\n").flatMap((line) => {
    const match = LINE.exec(line.trim());
    return match ? [match] : [];
  });
  const [line, secondLine] = reports;
  if (!line || secondLine) {
    throw new Error(
      `${host}: expected one line "oci-vxlan device mac=… mtu=… installation=…" from its device phase, got ${reports.length} ` +
        `in ${JSON.stringify(output.slice(0, 200))}. Make sure that nothing on the host replaces sudo or bash for this user.`,
    );
  }
  const [, mac = "", mtu = "", installation = ""] = line;
  if (!MAC.test(mac) || isMulticast(mac) || mac === "00:00:00:00:00:00") {
    throw new Error(
      `${host}: "${mac}" is no MAC that a device can have. Look at "ip link show" on the host.`,
    );
  }
  return { host, mac, underlayMtu: Number(mtu), installation };
}

/** The lowest bit of the first octet marks a group address. */
function isMulticast(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/**
 * The command by which a new SSH session confirms a change of a host's settings.
 *
 * @param settings the settings file that phase device has written
 */
export function confirmCommand(
  { overlay }: Pick<OverlayIdentity, "overlay">,
  settings: string,
): CommandWithInput {
  const args = ["confirm", overlay, digestOf(settings)];
  return sentVerb("confirm.sh", args, TIME_LIMIT.confirm, "keeps the change");
}
