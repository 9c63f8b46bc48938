import type { SecurityRule } from "./securityRules.ts";

/**
 * The cloud's part of an environment. An OCID may be an output of another resource; everything that decides
 * what is made, and how addresses are checked, is a plain value.
 */

/** An OCID as it is known: text, or something that is no text yet. */
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
  operatorCidrs?: readonly string[];
  subnets?: Readonly<Record<string, { cidr?: string; id?: Ocid }>>;
}

export interface InstanceSettings {
  subnet?: string;
  privateIp?: string;
  publicIp?: boolean;
  availabilityDomain?: string;
  faultDomain?: string;
  shape?: string;
  ocpus?: number;
  memoryInGBs?: number;
  image?: { id?: Ocid; operatingSystem?: string; version?: string };
  bootTimeout?: number;
}

/** MTU of an Oracle Cloud VNIC inside a VCN, in bytes. */
export const OCI_UNDERLAY_MTU = 9000;

/** Name of the shared Security List, where the environment makes one. */
export const DEFAULT_SECURITY_LIST = "internal-hosts";

/** x86, in every region, billed by OCPU and memory. */
export const DEFAULT_SHAPE = "VM.Standard.E4.Flex";
export const DEFAULT_OCPUS = 1;
export const DEFAULT_MEMORY = 4;

export const DEFAULT_IMAGE = { operatingSystem: "Canonical Ubuntu", version: "24.04" } as const;

/** Seconds for a provisioned host to answer SSH, and again for its cloud-init to finish. */
export const DEFAULT_BOOT_TIMEOUT = 300;

/** Every availability domain has these three. */
export const FAULT_DOMAINS = ["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"] as const;

/** Leaves the choice of the fault domain to Oracle. */
export const ANY_FAULT_DOMAIN = "any";

/** Whether a shape's OCPUs and memory are chosen by the user. */
export const isFlexible = (shape: string) => shape.endsWith(".Flex");

/** The subnet that an instance is in: the one it names, or the only one there is. */
export function subnetOf(
  { subnet }: Pick<InstanceSettings, "subnet">,
  subnets: Readonly<Record<string, unknown>>,
): string | undefined {
  const names = Object.keys(subnets);
  if (subnet !== undefined) return names.includes(subnet) ? subnet : undefined;
  return names.length === 1 ? names[0] : undefined;
}
