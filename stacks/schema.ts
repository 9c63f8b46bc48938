import { z } from "zod";
import type {
  EnvironmentHostArgs,
  ExistingHostArgs,
  ImageArgs,
  LoginArgs,
  NetworkArgs,
  OverlayArgs,
  OverlayEnvironmentArgs,
  ProvisionedHostArgs,
  SecurityListArgs,
  SecurityRule,
  SubnetArgs,
  VcnArgs,
} from "../components/index.ts";

/**
 * The schema of a stack's `environment`: keys and types only. What values mean is checked by the components.
 * Secrets stand under keys of their own, since a secret inside an object loses its secretness when the object is read.
 */

/** One schema for each argument of a component: a key that one side lacks, or of another type, does not compile. */
type Fields<T> = { [K in keyof T]-?: z.ZodType<T[K]> };

const port = z.int().min(1).max(65535);
const nonEmpty = z.string().min(1);

const securityRule = z.strictObject({
  protocol: z.string(),
  cidr: z.string(),
  minPort: z.number().optional(),
  maxPort: z.number().optional(),
  icmpType: z.number().optional(),
  icmpCode: z.number().optional(),
  stateless: z.boolean().optional(),
  description: z.string().optional(),
} satisfies Fields<SecurityRule>);

const securityList = z.strictObject({
  name: z.string().optional(),
  default: z.boolean().optional(),
  stateful: z.boolean().optional(),
  additionalIds: z.array(nonEmpty).optional(),
  ingress: z.array(securityRule).optional(),
  egress: z.array(securityRule).optional(),
} satisfies Fields<SecurityListArgs>);

const vcn = z.strictObject({
  cidr: z.string().optional(),
  id: nonEmpty.optional(),
  routeTableId: nonEmpty.optional(),
} satisfies Fields<VcnArgs>);

const subnet = z.strictObject({
  cidr: z.string().optional(),
  id: nonEmpty.optional(),
} satisfies Fields<SubnetArgs>);

const network = z.strictObject({
  vcn,
  securityList: securityList.optional(),
  operatorCidrs: z.array(z.string()),
  subnets: z.record(z.string(), subnet),
} satisfies Fields<NetworkArgs>);

const image = z.strictObject({
  id: nonEmpty.optional(),
  operatingSystem: nonEmpty.optional(),
  version: nonEmpty.optional(),
} satisfies Fields<ImageArgs>);

const instance = z.strictObject({
  subnet: z.string().optional(),
  privateIp: z.string().optional(),
  publicIp: z.boolean().optional(),
  availabilityDomain: z.string().optional(),
  faultDomain: z.string().optional(),
  shape: z.string().optional(),
  ocpus: z.number().optional(),
  memoryInGBs: z.number().optional(),
  image: image.optional(),
  bootTimeout: z.number().optional(),
} satisfies Fields<ProvisionedHostArgs>);

/** In a config, the host key may be in a file. */
type ExistingHostConfig = Omit<ExistingHostArgs, "hostKey"> & { hostKey?: string; hostKeyPath?: string };

const existing = z.strictObject({
  underlayAddress: z.string(),
  sshAddress: nonEmpty.optional(),
  user: nonEmpty.optional(),
  port: port.optional(),
  hostKey: z.string().optional(),
  hostKeyPath: nonEmpty.optional(),
} satisfies Fields<ExistingHostConfig>);

type HostConfig = Omit<EnvironmentHostArgs, "existing"> & { existing?: ExistingHostConfig };

const host = z.strictObject({
  overlayAddresses: z.array(z.string()).min(1),
  generation: z.int().min(0).optional(),
  down: z.boolean().optional(),
  instance: instance.optional(),
  existing: existing.optional(),
} satisfies Fields<HostConfig>);

const overlay = z.strictObject({
  cidrs: z.array(z.string()),
  device: z.string().optional(),
  vni: z.number().optional(),
  port: z.number().optional(),
  mtu: z.number().optional(),
  flood: z.boolean().optional(),
  overlayIngress: z.string().optional(),
  hostFirewall: z.string().optional(),
  verify: z.boolean().optional(),
  verifyPort: port.optional(),
  confirmTimeout: z.number().optional(),
} satisfies Fields<OverlayArgs>);

/** In a config, the private key is in a file, or a secret beside the environment. */
type SshConfig = Omit<LoginArgs, "privateKey" | "privateKeyPassphrase"> & { privateKeyPath?: string };

const ssh = z.strictObject({
  user: nonEmpty.optional(),
  port: port.optional(),
  privateKeyPath: nonEmpty.optional(),
} satisfies Fields<SshConfig>);

type EnvironmentConfig = Omit<OverlayEnvironmentArgs, "ssh" | "hosts"> & {
  ssh: SshConfig;
  hosts: Record<string, HostConfig>;
};

export const environmentSchema = z.strictObject({
  compartmentId: z.string().optional(),
  network: network.optional(),
  tags: z.record(z.string(), z.string()).optional(),
  overlay,
  ssh: ssh.default({}),
  hosts: z.record(z.string(), host),
} satisfies Fields<EnvironmentConfig>);

/** A stack's `environment`, its keys and types checked. */
export type Environment = z.infer<typeof environmentSchema>;
