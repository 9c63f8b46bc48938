import { z } from "zod";
import { validateEnvironment } from "../components/oci/validate.ts";
import type { EnvironmentSettings } from "../components/oci/validate.ts";
import { describeProblems } from "../components/vxlan/validate.ts";
import type { Problem } from "../components/vxlan/validate.ts";
import { instance, network, tags } from "./cloud.ts";
import { describeIssue } from "./issues.ts";
import { salvage } from "./salvage.ts";
import type { Partly } from "./salvage.ts";

/**
 * The stack config: one object under the key `environment`, checked strictly. Secrets stand under keys of
 * their own, since a secret inside an object loses its secretness when the object is read.
 */

const port = z.int().min(1).max(65535);

const overlay = z.strictObject({
  /** One IPv4 CIDR, one IPv6 CIDR, or one of each. */
  cidrs: z.array(z.string()),
  /** Name of the VXLAN device on the hosts. Default vxlan0. */
  device: z.string().optional(),
  /** VXLAN network identifier. Default 100. */
  vni: z.number().optional(),
  /** UDP port. Default 4789; 8472 for peers that were set up by hand. */
  port: z.number().optional(),
  /** MTU in bytes. Default: the smallest underlay MTU of the hosts less 50. */
  mtu: z.number().optional(),
  /** Replicate broadcast, multicast and unknown destinations to every peer. Default true. */
  flood: z.boolean().optional(),
  /** What the hosts' firewalls admit from the overlay: all (default) or none. */
  overlayIngress: z.string().optional(),
  /** manage (default) or leave. */
  hostFirewall: z.string().optional(),
  /** Whether `up` ends in every host probing every peer over the overlay. Default true. */
  verify: z.boolean().optional(),
  /** TCP port of the hosts' sshd on the overlay. Default: the port of their SSH connections. */
  verifyPort: port.optional(),
  /** Seconds after which a host takes back a change that cut off SSH, 30 to 3600. Default 180. */
  confirmTimeout: z.number().optional(),
});

/** Exactly one of a value and a file that holds it. */
const ssh = z.strictObject({
  /** Login user. Default opc. */
  user: z.string().min(1).optional(),
  /** TCP port of sshd. Default 22. */
  port: port.optional(),
  /** File with the private key. Left out: the key is the secret `sshPrivateKey`. */
  privateKeyPath: z.string().min(1).optional(),
});

const existing = z.strictObject({
  /** IPv4 address that a NIC of the host carries. */
  underlayAddress: z.string(),
  /** Where SSH reaches the host from here. Default: the underlay address. */
  sshAddress: z.string().min(1).optional(),
  /** Login user, where it is not the one of all hosts. */
  user: z.string().min(1).optional(),
  /** TCP port of sshd, where it is not the one of all hosts. */
  port: port.optional(),
  /** The host's public key, such as `ssh-ed25519 AAAA…`. */
  hostKey: z.string().optional(),
  /** File with the host's public key. */
  hostKeyPath: z.string().min(1).optional(),
});

const host = z.strictObject({
  /** One address for each of the overlay's CIDRs, without prefix length. */
  overlayAddresses: z.array(z.string()).min(1),
  /** Raise it to have the host installed anew. Default 0. */
  generation: z.int().min(0).optional(),
  /** The host is down on purpose, and `up` leaves it alone. Default false. */
  down: z.boolean().optional(),
  /** A host to be made in the cloud. */
  instance: instance.optional(),
  /** A host that is there already. */
  existing: existing.optional(),
});

const environmentSchema = z.strictObject({
  /** OCID of the compartment that all is made in. */
  compartmentId: z.string().optional(),
  network: network.optional(),
  /** Freeform tags of all that is made. */
  tags: tags.optional(),
  overlay,
  ssh: ssh.default({}),
  hosts: z.record(z.string(), host),
});

/** A stack's `environment`, shape and meaning both checked. */
export type Environment = z.infer<typeof environmentSchema>;

/** Thrown with everything that is wrong, so that one run is enough to mend it all. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(describeProblems(problems));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/**
 * Checks a stack's `environment`: its shape by the schema, and its meaning by the components' own checks. The
 * second looks at whatever has the right type even where the first failed, so that one run says everything.
 *
 * @param further what else is known to be wrong with it, such as files that cannot be read
 * @throws ConfigError
 */
export function parseEnvironment(value: unknown, further: readonly Problem[] = []): Environment {
  const result = environmentSchema.safeParse(value, { reportInput: true });
  const shape = result.success
    ? []
    : result.error.issues.flatMap((issue) => describeIssue(environmentSchema, issue));
  // What the shape said about a place needs no second word; nor does what would be wrong only for lack of it.
  const said = ({ path }: Problem) =>
    shape.some((other) => `${path}.`.startsWith(`${other.path}.`) || parentOf(other.path) === path);
  const usable = usableEnvironment(value);
  const settings = {
    ...usable,
    overlay: usable.overlay ?? {},
    hosts: Object.fromEntries(Object.entries(usable.hosts ?? {}).map(withKnownHostKey)),
  };
  const meaning = [
    ...validateHostKeys(usable),
    ...validateEnvironment(settings as EnvironmentSettings),
    ...further,
  ].filter((problem) => !said(problem));
  if (!result.success || meaning.length > 0) throw new ConfigError([...shape, ...meaning]);
  return result.data;
}

/** An environment's parts that have the right type. */
export function usableEnvironment(value: unknown): Partly<Environment> {
  return salvage(environmentSchema, value) ?? {};
}

type PartialHost = NonNullable<NonNullable<Partly<Environment>["hosts"]>[string]>;

const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf(".")));

/** A host key that is in a file, or that is missing here, is no matter of the components' checks. */
const UNREAD = Symbol("unread");

function withKnownHostKey([name, host]: [string, PartialHost | undefined]) {
  const { existing } = host ?? {};
  const known = existing && { existing: { ...existing, hostKey: existing.hostKey ?? UNREAD } };
  return [name, { ...host, ...known }] as const;
}

/** A host key is given exactly once: as text, or as a file. */
function validateHostKeys({ hosts = {} }: Partly<Environment>): Problem[] {
  return Object.entries(hosts).flatMap(([name, host]) => {
    const { existing } = host ?? {};
    if (!existing || (existing.hostKey === undefined) !== (existing.hostKeyPath === undefined)) return [];
    const message =
      existing.hostKey === undefined
        ? "no host key is pinned, and without one any machine could answer in the host's place: give hostKey or hostKeyPath " +
          "(on the host: cat /etc/ssh/ssh_host_ed25519_key.pub)."
        : "given twice, as hostKey and as hostKeyPath: keep one.";
    return [{ path: `hosts.${name}.existing.hostKey`, message }];
  });
}
