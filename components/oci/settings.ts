import { parseAddress } from "../vxlan/addresses.ts";
import type { OverlaySettings } from "../vxlan/settings.ts";
import { sourceOf } from "../vxlan/validation/jumpHosts.ts";
import type { JumpHostSettings } from "../vxlan/validation/jumpHosts.ts";
import type { SecurityRule } from "./securityRules.ts";

/**
 * An environment before anything of it exists. OCIDs and the addresses of existing hosts may be outputs of other
 * resources, which are not checked; all else is plain values.
 */
export interface EnvironmentSettings {
  compartmentId?: Ocid;
  network?: NetworkSettings;
  overlay: Partial<OverlaySettings>;
  tags?: Readonly<Record<string, string>>;
  /** The settings of SSH to the hosts that the checks need. */
  ssh?: { port?: number; via?: string; proxy?: JumpHostSettings; oldPrivateKey?: unknown };
  hosts: Readonly<Record<string, EnvironmentHostSettings>>;
}

interface EnvironmentHostSettings {
  overlayAddresses?: string[];
  instance?: InstanceSettings;
  down?: boolean;
  existing?: {
    underlayAddress?: unknown;
    sshAddress?: unknown;
    hostKey?: unknown;
    proxy?: JumpHostSettings;
    direct?: boolean;
  };
}

/** An OCID: text, or an output. */
export type Ocid = unknown;

export interface NetworkSettings {
  vcn?: { cidr?: string; id?: Ocid; routeTableId?: Ocid };
  securityList?: {
    name?: string;
    default?: boolean;
    stateful?: boolean;
    additionalIds?: readonly Ocid[];
    ingress?: readonly SecurityRule[];
    egress?: readonly SecurityRule[];
  };
  securityGroup?: boolean | "only";
  operatorCidrs?: readonly string[];
  subnets?: Readonly<Record<string, SubnetSettings>>;
}

export interface SubnetSettings {
  cidr?: string;
  id?: Ocid;
  /** Of an existing subnet, it is known once that was looked up. */
  private?: boolean;
}

export interface InstanceSettings {
  subnet?: string;
  privateIp?: string;
  /** May be an output in `OverlayHost`; nothing checks that. */
  publicIp?: unknown;
  availabilityDomain?: string;
  faultDomain?: string;
  shape?: string;
  ocpus?: number;
  memoryInGBs?: number;
  image?: { id?: Ocid; operatingSystem?: string; version?: string };
  legacyMetadata?: boolean;
  waitForCapacity?: number;
  bootTimeout?: number;
}

/** Name of the shared Security List, and of the hosts' Network Security Group. */
export const DEFAULT_SECURITY_LIST = "internal-hosts";

/** An x86 shape that every region has, billed by OCPU and memory. */
export const DEFAULT_SHAPE = "VM.Standard.E4.Flex";
export const DEFAULT_OCPUS = 1;
export const DEFAULT_MEMORY = 4;

export const DEFAULT_IMAGE = { operatingSystem: "Canonical Ubuntu", version: "24.04" } as const;

/** Seconds for a provisioned host to answer SSH, and again for its cloud-init to finish. */
export const DEFAULT_BOOT_TIMEOUT = 300;

/** Every availability domain has these three. */
export const FAULT_DOMAINS = ["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"] as const;

/** Lets Oracle choose the fault domain. */
export const ANY_FAULT_DOMAIN = "any";

/** Whether a shape's OCPUs and memory can be set. */
export const isFlexible = (shape: string) => shape.endsWith(".Flex");

/** The subnet of an instance: the one it names, or else the only one. */
export function subnetOf(
  { subnet }: Pick<InstanceSettings, "subnet">,
  subnets: Readonly<Record<string, unknown>>,
): string | undefined {
  const names = Object.keys(subnets);
  if (subnet !== undefined) return names.includes(subnet) ? subnet : undefined;
  return names.length === 1 ? names[0] : undefined;
}

/** The hosts that are provisioned, by name. */
export function instancesOf({
  hosts,
}: Pick<EnvironmentSettings, "hosts">): Readonly<Record<string, InstanceSettings>> {
  return Object.fromEntries(
    Object.entries(hosts).flatMap(([name, { instance }]) => (instance ? [[name, instance] as const] : [])),
  );
}

/** CIDRs of existing hosts, which are VXLAN members outside of the network's subnets. */
export function outsideAddresses({ hosts }: Pick<EnvironmentSettings, "hosts">): string[] {
  return Object.values(hosts).flatMap(({ existing }) =>
    typeof existing?.underlayAddress === "string" && parseAddress(existing.underlayAddress)
      ? [`${existing.underlayAddress}/32`]
      : [],
  );
}

/** Where SSH from a jump host comes from: CIDRs, and names of subnets in which Oracle chooses its address. */
export interface JumpHostSources {
  jumpHostCidrs: string[];
  jumpHostSubnets: string[];
}

/** Where SSH to the instances comes from, beside the operators: the jump host of all hosts. */
export function jumpHostSources({
  ssh = {},
  hosts,
  network,
}: Pick<EnvironmentSettings, "ssh" | "hosts" | "network">): JumpHostSources {
  const { instance, existing } = hosts[ssh.via ?? ""] ?? {};
  const address = instance?.privateIp ?? existing?.underlayAddress ?? (ssh.proxy && sourceOf(ssh.proxy));
  const subnet = instance && instance.privateIp === undefined && subnetOf(instance, network?.subnets ?? {});
  return {
    jumpHostCidrs:
      typeof address === "string" && parseAddress(address)?.kind() === "ipv4" ? [`${address}/32`] : [],
    jumpHostSubnets: typeof subnet === "string" ? [subnet] : [],
  };
}
