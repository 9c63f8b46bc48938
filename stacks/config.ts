import { z } from "zod";
import { withDefaults } from "../components/vxlan/settings.ts";
import { validateOverlay } from "../components/vxlan/validate.ts";
import type { Problem } from "../components/vxlan/validate.ts";

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
  /** A host that is there already. */
  existing,
});

export const environmentSchema = z.strictObject({
  overlay,
  ssh: ssh.default({}),
  hosts: z.record(z.string(), host),
});

/** A stack's `environment`, shape and meaning both checked. */
export type Environment = z.infer<typeof environmentSchema>;

/** The parts of an environment that have the right type, whatever is wrong with the rest. */
interface Usable {
  overlay: Partial<Environment["overlay"]>;
  hosts: Record<
    string,
    { overlayAddresses?: string[]; existing: Partial<Environment["hosts"][string]["existing"]> }
  >;
}

/** Thrown with everything that is wrong, so that one run is enough to mend it all. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ path, message }) => `  ${path}: ${message}`).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/**
 * Checks a stack's `environment`: its shape by the schema, and its meaning by the components' own checks. The
 * second looks at whatever has the right type even where the first failed, so that one run says everything.
 *
 * @throws ConfigError
 */
export function parseEnvironment(value: unknown): Environment {
  const result = environmentSchema.safeParse(value, { reportInput: true });
  const shape = result.success ? [] : result.error.issues.flatMap((issue) => describeIssue(issue));
  const said = ({ path }: Problem) =>
    shape.some((other) => path === other.path || path.startsWith(`${other.path}.`));
  const usable = salvage(value);
  const meaning = [...validateHosts(usable), ...validateMeaning(usable)].filter((problem) => !said(problem));
  if (!result.success || meaning.length > 0) throw new ConfigError([...shape, ...meaning]);
  return result.data;
}

/** The checks across fields are the components' own; only the paths differ. */
function validateMeaning({ overlay, hosts }: Usable): Problem[] {
  const plain = Object.fromEntries(
    Object.entries(hosts).map(([name, { overlayAddresses, existing }]) => [
      name,
      { overlayAddresses: overlayAddresses ?? [], underlayAddress: existing.underlayAddress },
    ]),
  );
  return validateOverlay(withDefaults(overlay), plain, {
    overlay: "overlay",
    underlayAddress: (name) => `hosts.${name}.existing.underlayAddress`,
  });
}

function validateHosts({ hosts }: Usable): Problem[] {
  return Object.entries(hosts).flatMap(([name, { existing }]) => {
    const path = `hosts.${name}.existing.hostKey`;
    const { hostKey, hostKeyPath } = existing;
    if (hostKey !== undefined && hostKeyPath !== undefined) {
      return [{ path, message: "given twice, as hostKey and as hostKeyPath: keep one." }];
    }
    if (hostKey === undefined && hostKeyPath === undefined) {
      return [
        {
          path,
          message:
            "no host key is pinned, and without one any machine could answer in the host's place: give hostKey or hostKeyPath " +
            "(on the host: cat /etc/ssh/ssh_host_ed25519_key.pub).",
        },
      ];
    }
    return hostKey === undefined ? [] : validateHostKey(path, hostKey);
  });
}

/** Checks a public host key; `command` pins its type as the only algorithm to be offered. */
export function validateHostKey(path: string, key: string): Problem[] {
  if (/^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+={0,2}( .*)?\s*$/.test(key)) return [];
  const rsa = key.startsWith("ssh-rsa");
  return [
    {
      path,
      message: rsa
        ? "an RSA host key pins SHA-1 signatures, which current OpenSSH refuses: give the host's ed25519 or ECDSA key."
        : `"${key.slice(0, 40)}" is no public host key: give one line such as "ssh-ed25519 AAAA…" (on the host: cat /etc/ssh/ssh_host_ed25519_key.pub).`,
    },
  ];
}

/** Takes from a value what each field's own schema accepts. */
function salvage(value: unknown): Usable {
  const pick = <S extends z.ZodObject>(schema: S, from: unknown): Partial<z.infer<S>> => {
    const given = (typeof from === "object" && from !== null ? from : {}) as Record<string, unknown>;
    const fields = Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([key, field]) => {
      const read = field.safeParse(given[key]);
      return read.success && read.data !== undefined ? [[key, read.data] as const] : [];
    });
    return Object.fromEntries(fields) as Partial<z.infer<S>>;
  };
  const top = pick(z.object({ overlay: z.unknown(), hosts: z.record(z.string(), z.unknown()) }), value);
  const hosts = Object.entries(top.hosts ?? {}).map(([name, given]) => {
    const { overlayAddresses } = pick(host, given);
    const inner = pick(z.object({ existing: z.unknown() }), given).existing;
    return [
      name,
      { ...(overlayAddresses ? { overlayAddresses } : {}), existing: pick(existing, inner) },
    ] as const;
  });
  return { overlay: pick(overlay, top.overlay), hosts: Object.fromEntries(hosts) };
}

type Issue = z.core.$ZodIssue;

/** One zod issue in the words of the other checks: where, what (with the value), what would be right. */
function describeIssue(issue: Issue): Problem[] {
  const path = pathOf(issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: pathOf([...issue.path, key]),
        message: `unknown key: known here are ${knownKeys(issue.path).join(", ")}.`,
      }));
    case "invalid_type":
      return [
        {
          path,
          message:
            issue.input === undefined
              ? `missing: give ${article(issue.expected)}.`
              : `${show(issue.input)} is not ${article(issue.expected)}.`,
        },
      ];
    case "too_small":
      return [{ path, message: `${show(issue.input)} is too small: use ${String(issue.minimum)} or more.` }];
    case "too_big":
      return [{ path, message: `${show(issue.input)} is too large: use ${String(issue.maximum)} or less.` }];
    default:
      return [{ path, message: issue.message }];
  }
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function article(type: string): string {
  const names: Record<string, string> = {
    int: "a whole number",
    number: "a number",
    string: "a text (quote it where it looks like a number)",
    boolean: "true or false",
    array: "a list",
    object: "a mapping of keys to values",
    record: "a mapping of names to values",
  };
  return names[type] ?? type;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    "",
  );
}

/** The keys that the schema has at a path, for the message about one that it has not. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: z.core.$ZodType = environmentSchema;
  for (const key of path) schema = childOf(unwrap(schema), key);
  const found = unwrap(schema);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? unwrap(schema.def.innerType)
    : schema;
}

function childOf(schema: z.core.$ZodType, key: PropertyKey): z.core.$ZodType {
  if (schema instanceof z.ZodObject)
    return (schema.shape as Record<PropertyKey, z.core.$ZodType>)[key] ?? z.unknown();
  if (schema instanceof z.ZodRecord) return schema.valueType;
  if (schema instanceof z.ZodArray) return schema.element;
  return z.unknown();
}
