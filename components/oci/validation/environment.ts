import { contains, overlaps, parseAddress, parseCidr } from "../../vxlan/addresses.ts";
import { withDefaults } from "../../vxlan/settings.ts";
import type { OverlaySettings } from "../../vxlan/settings.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { validateHostKey } from "../../vxlan/validation/hostKey.ts";
import { lockOut } from "../../vxlan/validation/networks.ts";
import { validateOverlay } from "../../vxlan/validation/overlay.ts";
import { problemWithOcid } from "../ocid.ts";
import { OCI_UNDERLAY_MTU } from "../settings.ts";
import type { InstanceSettings, NetworkSettings, Ocid } from "../settings.ts";
import { validateAddresses, validateInstance } from "./instances.ts";
import { validateNetwork } from "./network.ts";

/** An environment, as far as it is known: an output of another resource is no text yet. */
export interface EnvironmentSettings {
  compartmentId?: Ocid;
  network?: NetworkSettings;
  overlay: Partial<OverlaySettings>;
  tags?: Readonly<Record<string, string>>;
  hosts: Readonly<
    Record<
      string,
      {
        overlayAddresses?: string[];
        instance?: InstanceSettings;
        existing?: { underlayAddress?: unknown; sshAddress?: unknown; hostKey?: unknown };
      }
    >
  >;
}

/** Freeform tags of one resource, and their sizes. */
const MOST_TAGS = 10;
const LONGEST_KEY = 100;
const LONGEST_VALUE = 256;

/**
 * An operator CIDR with a shorter prefix means anyone, as 0.0.0.0/0 does, and not where the operators are. The
 * largest private networks, 10.0.0.0/8 and fd00::/8, still say where.
 */
const SHORTEST_OPERATOR_PREFIX = 8;

/**
 * Everything that is wrong with an environment and can be known before anything is made, all at once: what OCI would
 * refuse, and what makes no overlay. Paths are the same in a stack's config and in the component's arguments.
 */
export function validateEnvironment(environment: EnvironmentSettings): Problem[] {
  const { network, overlay, hosts, tags = {} } = environment;
  const instances = Object.fromEntries(
    Object.entries(hosts).flatMap(([name, { instance }]) => (instance ? [[name, instance] as const] : [])),
  );
  const at = (host: string) => `hosts.${host}.instance`;
  return [
    ...validateKinds(environment),
    ...validatePresence(environment, Object.keys(instances)),
    ...(network ? validateNetwork(network, "network", outsideAddresses(environment)) : []),
    ...Object.entries(instances).flatMap(([name, instance]) => validateInstance(instance, at(name))),
    ...(network ? validateAddresses(instances, network, at) : []),
    ...validateUnderlayAddresses(environment),
    ...validateSeparation(environment, instances),
    ...validateOperatorAccess(environment),
    ...validateTags(tags),
    ...validateOverlay(
      withDefaults(overlay),
      Object.fromEntries(
        Object.entries(hosts).map(([name, { overlayAddresses = [], instance, existing }]) => {
          const underlayAddress = instance ? knownAddress(instance.privateIp) : existing?.underlayAddress;
          const sshAddress = existing?.sshAddress;
          return [
            name,
            {
              overlayAddresses,
              ...(typeof underlayAddress === "string" ? { underlayAddress } : {}),
              ...(typeof sshAddress === "string" ? { sshAddress } : {}),
            },
          ];
        }),
      ),
      OCI_UNDERLAY_MTU,
      {
        overlay: "overlay",
        underlayAddress: (name) =>
          hosts[name]?.instance ? `${at(name)}.privateIp` : `hosts.${name}.existing.underlayAddress`,
        sshAddress: (name) => `hosts.${name}.existing.sshAddress`,
      },
    ),
  ];
}

/** A private address that is one; what is wrong with another is said about the instance. */
const knownAddress = (privateIp: string | undefined) =>
  parseAddress(privateIp ?? "")?.kind() === "ipv4" ? privateIp : undefined;

/** CIDRs of members that exist already and are no part of the network. */
export function outsideAddresses({ hosts }: Pick<EnvironmentSettings, "hosts">): string[] {
  return Object.values(hosts).flatMap(({ existing }) =>
    typeof existing?.underlayAddress === "string" && parseAddress(existing.underlayAddress)
      ? [`${existing.underlayAddress}/32`]
      : [],
  );
}

function validateKinds({ hosts }: EnvironmentSettings): Problem[] {
  return Object.entries(hosts).flatMap(([name, { instance, existing }]) => {
    if ((instance === undefined) !== (existing === undefined)) return [];
    return [
      {
        path: `hosts.${name}`,
        message: instance
          ? "given as instance and as existing: keep instance to have the host made, or existing for one that is there."
          : "neither instance nor existing is given: give `instance: {}` to have the host made, or existing for one that is there.",
      },
    ];
  });
}

/** Checks the pinned keys of existing hosts. A stack's config does so itself, since its keys may be in files. */
export function validateHostKeys({ hosts }: Pick<EnvironmentSettings, "hosts">): Problem[] {
  return Object.entries(hosts).flatMap(([name, { existing }]) =>
    existing ? validateHostKey(`hosts.${name}.existing.hostKey`, existing.hostKey) : [],
  );
}

/** The address of an existing host beside a network has to be text: that network's Security List has a rule for it. */
function validateUnderlayAddresses({ hosts, network }: EnvironmentSettings): Problem[] {
  return Object.entries(hosts).flatMap(([name, { existing }]) => {
    const { underlayAddress } = existing ?? {};
    if (!network || underlayAddress === undefined || typeof underlayAddress === "string") return [];
    return [
      {
        path: `hosts.${name}.existing.underlayAddress`,
        message:
          "the Security List of the network admits this address by a rule of its own, so give it as text, not as an output.",
      },
    ];
  });
}

function validatePresence(
  { compartmentId, network }: EnvironmentSettings,
  provisioned: readonly string[],
): Problem[] {
  const problems = problemWithOcid(compartmentId, ["compartment", "tenancy"], "compartmentId");
  const hosts = `${provisioned.length === 1 ? "host" : "hosts"} ${provisioned.join(", ")}`;
  if (compartmentId === undefined && (provisioned.length > 0 || network)) {
    problems.push({
      path: "compartmentId",
      message:
        "missing: give the OCID of the compartment that all is made in (`oci iam compartment list` shows them).",
    });
  }
  if (!network && provisioned.length > 0) {
    problems.push({
      path: "network",
      message: `missing: ${hosts} need a VCN and a subnet: give vcn, subnets and operatorCidrs.`,
    });
  }
  return problems;
}

/** An overlay network inside the VCN would hide that part of the VCN from the hosts. */
function validateSeparation(
  { network, overlay }: EnvironmentSettings,
  instances: Readonly<Record<string, InstanceSettings>>,
): Problem[] {
  const underlays = [
    { text: network?.vcn?.cidr, path: "network.vcn.cidr" },
    ...Object.entries(network?.subnets ?? {}).map(([name, { cidr }]) => ({
      text: network?.vcn?.cidr === undefined ? cidr : undefined,
      path: `network.subnets.${name}.cidr`,
    })),
  ];
  const addresses = Object.values(instances).flatMap(({ privateIp }) => parseAddress(privateIp ?? "") ?? []);
  return (overlay.cidrs ?? []).flatMap((text, index) => {
    const cidr = parseCidr(text);
    // An address that lies in the overlay network is named by the overlay's own checks.
    if (!cidr || addresses.some((address) => contains(cidr, address))) return [];
    return underlays.flatMap((underlay) => {
      const other = parseCidr(underlay.text ?? "");
      if (!other || !overlaps(cidr, other)) return [];
      return [
        {
          path: `overlay.cidrs[${index}]`,
          message: `${cidr.text} overlaps ${other.text} at ${underlay.path}: choose an overlay network apart from the underlay.`,
        },
      ];
    });
  });
}

/** An overlay network that overlaps the operators' network takes the hosts' answers to them. */
function validateOperatorAccess({ network, overlay }: EnvironmentSettings): Problem[] {
  const operators = (network?.operatorCidrs ?? []).map((text) => parseCidr(text));
  return (overlay.cidrs ?? []).flatMap((text, index) => {
    const cidr = parseCidr(text);
    if (!cidr) return [];
    return operators.flatMap((operator, position) => {
      if (!operator || operator.prefix < SHORTEST_OPERATOR_PREFIX || !overlaps(cidr, operator)) return [];
      const path = `network.operatorCidrs[${position}]`;
      const narrower = operator.prefix < cidr.prefix ? `, or give narrower CIDRs at ${path}` : "";
      return [
        {
          path: `overlay.cidrs[${index}]`,
          message: `${cidr.text} overlaps ${operator.text} at ${path}: ${lockOut(cidr)}${narrower}.`,
        },
      ];
    });
  });
}

function validateTags(tags: Readonly<Record<string, string>>): Problem[] {
  const problems: Problem[] = Object.entries(tags)
    .filter(
      ([key, value]) =>
        key === "" || key.length > LONGEST_KEY || value.length > LONGEST_VALUE || /[\s.]/.test(key),
    )
    .map(([key]) => ({
      path: `tags.${key}`,
      message: `is no freeform tag: a key has 1 to ${LONGEST_KEY} characters without dots or blanks, a value ${LONGEST_VALUE} at most.`,
    }));
  if (Object.keys(tags).length > MOST_TAGS) {
    problems.push({
      path: "tags",
      message: `${Object.keys(tags).length} tags, and a resource has ${MOST_TAGS} at most.`,
    });
  }
  return problems;
}
