import { z } from "zod";
import type {
  EnvironmentHostArgs,
  ExistingHostArgs,
  EnvironmentLoginArgs,
  ImageArgs,
  JumpHostArgs,
  NetworkArgs,
  OverlayArgs,
  OverlayEnvironmentArgs,
  ProvisionedHostArgs,
  SecurityListArgs,
  SecurityRule,
  SubnetArgs,
  VcnArgs,
} from "../components/index.ts";
import { LONGEST_CAPACITY_WAIT } from "../components/oci/capacity.ts";
import {
  ANY_FAULT_DOMAIN,
  DEFAULT_BOOT_TIMEOUT,
  DEFAULT_IMAGE,
  DEFAULT_MEMORY,
  DEFAULT_OCPUS,
  DEFAULT_SECURITY_LIST,
  DEFAULT_SHAPE,
  FAULT_DOMAINS,
} from "../components/oci/settings.ts";
import { DEFAULT_SSH_PORT, DEFAULT_USER } from "../components/remoteCommand.ts";
import { withDefaults } from "../components/vxlan/settings.ts";

/**
 * The schema of a stack's `environment`: its keys, their types, and what docs/configuration.md and editors say about
 * them. Values are checked by the components. Secrets have keys of their own beside the environment, since a secret
 * inside an object loses its secretness when the object is read.
 */

/** One schema for each argument of a component: a key that one side lacks, or of another type, does not compile. */
type Fields<T> = { [K in keyof T]-?: z.ZodType<T[K]> };

/** What docs/configuration.md and editors say about a key, beside its description. */
interface KeyMeta {
  default?: string | number | boolean;
  /** The default in words, where Oracle, the fleet or another key decides. */
  defaultText?: string;
  /** The values that editors offer. */
  enum?: readonly string[];
  /** The effect of a change, beginning with "Updatable" (in place) or "Replaces". */
  change?: string;
}

function key<S extends z.ZodType>(schema: S, description: string, meta: KeyMeta = {}): S {
  return schema.meta({ description, change: "Updatable.", ...meta });
}

/** A mapping of keys, which has a section of its own in docs/configuration.md. */
function section<S extends z.ZodType>(title: string, description: string, schema: S): S {
  return schema.meta({ title, description });
}

const defaults = withDefaults({});
const MAKES_DEVICE_AGAIN =
  "Updatable: every host makes its device again with the same MAC, which interrupts the overlay for a moment.";
const RESTARTS = "Updatable: Oracle restarts the host.";
const REPLACES_HOST = "Replaces the host.";

const nonEmpty = z.string().min(1);
const port = z.int().min(1).max(65535);

const securityRule = section(
  "A rule of the Security List",
  "A rule beside those for VXLAN and SSH.",
  z.strictObject({
    protocol: key(z.string(), "`tcp`, `udp`, `icmp`, `all`, or an IP protocol number in quotes."),
    cidr: key(z.string(), "Where packets come from (ingress) or go to (egress)."),
    minPort: key(z.number().optional(), "First destination port, of tcp and udp.", {
      defaultText: "all ports",
    }),
    maxPort: key(z.number().optional(), "Last destination port.", { defaultText: "`minPort`" }),
    icmpType: key(z.number().optional(), "ICMP type.", { defaultText: "all types" }),
    icmpCode: key(z.number().optional(), "ICMP code, beside a type.", { defaultText: "all codes" }),
    stateless: key(z.boolean().optional(), "Without connection tracking: answers need a rule of their own.", {
      default: false,
    }),
    description: key(z.string().optional(), "Text that Oracle's console shows."),
  } satisfies Fields<SecurityRule>),
);

const securityList = section(
  "The Security List",
  "The list that all hosts share. With `securityGroup`, its name and rules are those of the group too.",
  z.strictObject({
    name: key(z.string().optional(), "Name of the list.", { default: DEFAULT_SECURITY_LIST }),
    default: key(
      z.boolean().optional(),
      "Whether to manage the default list of the VCN instead. Its own rules are replaced, and they do not " +
        "come back when the stack is destroyed.",
      { default: false, change: "Updatable: the one list is created and the other deleted; the hosts stay." },
    ),
    stateful: key(
      z.boolean().optional(),
      "Whether the flows of VXLAN are tracked. Oracle advises against it for heavy traffic, since tracked " +
        "flows are limited in number.",
      { default: false },
    ),
    additionalIds: key(z.array(nonEmpty).optional(), "OCIDs of further lists for new subnets, four at most."),
    ingress: key(z.array(securityRule).optional(), "Further rules for packets to the hosts."),
    egress: key(
      z.array(securityRule).optional(),
      "Further rules, of the same keys, for packets from the hosts, which may go anywhere in any case.",
    ),
  } satisfies Fields<SecurityListArgs>),
);

const vcn = section(
  "The VCN",
  "One to make by its `cidr`, or one that exists by its `id`.",
  z.strictObject({
    cidr: key(
      z.string().optional(),
      "IPv4 CIDR of a VCN to make, /16 to /30. It gets an internet gateway where a subnet is public, a NAT gateway and " +
        "a service gateway where one is private, and route tables that lead to them.",
      { change: "Updatable as far as Oracle allows: every subnet has to lie in it." },
    ),
    id: key(nonEmpty.optional(), "OCID of a VCN that exists. Its gateways and routes stay as they are.", {
      change: "Replaces what is created in it.",
    }),
    routeTableId: key(nonEmpty.optional(), "Beside `id`: OCID of the route table of new subnets.", {
      defaultText: "the default route table of the VCN",
    }),
  } satisfies Fields<VcnArgs>),
);

const subnet = section(
  "A subnet",
  "One to make by its `cidr`, or one that exists by its `id`.",
  z.strictObject({
    cidr: key(
      z.string().optional(),
      "IPv4 CIDR of a subnet to make inside the VCN, /16 to /30; a /30 holds one host.",
      { change: "Updatable as far as Oracle allows." },
    ),
    id: key(
      nonEmpty.optional(),
      "OCID of a subnet that exists. It keeps its Security Lists and its routes.",
      { change: "Replaces the hosts in it." },
    ),
    private: key(
      z.boolean().optional(),
      "Beside `cidr`: whether its hosts have no public addresses. In a VCN that is made, they reach the internet by " +
        "a NAT gateway, which lets nobody in.",
      {
        default: false,
        change:
          "Replaces the subnet and the hosts in it. Give another `cidr` with it: the new subnet is made before the old one goes.",
      },
    ),
  } satisfies Fields<SubnetArgs>),
);

const network = section(
  "The network of the instances",
  "Required with `instance` hosts.",
  z.strictObject({
    vcn,
    securityList: securityList.optional(),
    securityGroup: key(
      z.union([z.boolean(), z.enum(["only"])]).optional(),
      "Whether the VNICs of the instances join a Network Security Group that has the rules: the way into a subnet that " +
        "others run, whose lists stay as they are. A subnet that is made has the Security List as well; with `only`, that " +
        "list has no rules. `false` takes the instances out of all groups.",
      {
        defaultText: "their groups are left as they are",
        change: "Updatable. Write `false` to switch it off, and `true` for one `up` before `only`.",
      },
    ),
    operatorCidrs: key(
      z.array(z.string()),
      "IPv4 CIDRs from which SSH reaches the hosts. 0.0.0.0/0 has to be written out, and `up` warns about it.",
    ),
    subnets: key(z.record(z.string(), subnet), "The subnets by name: one for all hosts, or one for each."),
  } satisfies Fields<NetworkArgs>),
);

const image = section(
  "The image",
  "Either `id` or a name.",
  z.strictObject({
    id: key(nonEmpty.optional(), "OCID of an image.", {
      defaultText: "looked up by name",
      change: "Updatable: Oracle replaces the boot volume, and the overlay is installed again.",
    }),
    operatingSystem: key(
      nonEmpty.optional(),
      "Operating system as Oracle's image list names it: the newest platform image of that name that runs on the " +
        "shape is taken when the host is created. A custom image needs its `id`.",
      { default: DEFAULT_IMAGE.operatingSystem, change: "Updatable: a host that is there keeps its image." },
    ),
    version: key(nonEmpty.optional(), "Version of the operating system.", {
      defaultText: `${DEFAULT_IMAGE.version} of the default system, any of another`,
      change: "Updatable: a host that is there keeps its image.",
    }),
  } satisfies Fields<ImageArgs>),
);

const instance = section(
  "A host that is created",
  "An instance on Oracle Cloud; `instance: {}` takes every default. To replace a host, its old instance " +
    "is deleted first: its address may be fixed, and a /30 holds one host. A default that depends on " +
    "Oracle's lists (availability domain, image) or on the size of the fleet (fault domain) is taken when " +
    "the host is created, and kept until it is created again.",
  z.strictObject({
    subnet: key(z.string().optional(), "Name of its subnet in `network.subnets`.", {
      defaultText: "the only subnet",
      change: REPLACES_HOST,
    }),
    privateIp: key(
      z.string().optional(),
      "Its underlay address. Oracle reserves the first two addresses of a subnet and the last.",
      { defaultText: "Oracle's choice", change: REPLACES_HOST },
    ),
    publicIp: key(
      z.boolean().optional(),
      "Whether it has a public address, which SSH then uses. Without one, Pulumi has to reach the private address.",
      { defaultText: "whether its subnet lets hosts have one" },
    ),
    availabilityDomain: key(
      z.string().optional(),
      "Name of the availability domain, or the end of one, such as `AD-2`.",
      {
        defaultText:
          "the first that the region lists when the host is created, or with `waitForCapacity` has room",
        change: REPLACES_HOST,
      },
    ),
    faultDomain: key(z.string().optional(), "Fault domain; `any` leaves it to Oracle.", {
      defaultText: "the hosts are spread when they are created",
      enum: [...FAULT_DOMAINS, ANY_FAULT_DOMAIN],
      change: RESTARTS,
    }),
    shape: key(z.string().optional(), "Shape of the instance, such as VM.Standard.A1.Flex.", {
      default: DEFAULT_SHAPE,
      change: RESTARTS,
    }),
    ocpus: key(z.number().optional(), "OCPUs, of shapes that end in `.Flex`.", {
      default: DEFAULT_OCPUS,
      change: RESTARTS,
    }),
    memoryInGBs: key(
      z.number().optional(),
      "Memory in GB, of shapes that end in `.Flex`; up to 64 an OCPU.",
      { defaultText: `${DEFAULT_MEMORY} an OCPU`, change: RESTARTS },
    ),
    image: image.optional(),
    legacyMetadata: key(
      z.boolean().optional(),
      "Whether version 1 of the metadata service answers too, for an image whose cloud-init does not know version 2.",
      { default: false },
    ),
    waitForCapacity: key(
      z.number().optional(),
      `Minutes, ${LONGEST_CAPACITY_WAIT} at most, in which the instance is launched again where Oracle is out of host ` +
        "capacity, at most every five minutes; instances that wait take turns. Where `availabilityDomain` is left out, it " +
        "is launched in one that has capacity. Oracle chooses the fault domain where `faultDomain` is left out.",
      { default: 0 },
    ),
    bootTimeout: key(
      z.number().optional(),
      "Seconds, 10 to 3600, for SSH to answer, and again for cloud-init to finish; also for SSH after a restart by Oracle.",
      { default: DEFAULT_BOOT_TIMEOUT },
    ),
  } satisfies Fields<ProvisionedHostArgs>),
);

/** In a config, a host key may be in a file. */
interface HostKeyConfig {
  hostKey?: string;
  hostKeyPath?: string;
}

/** In a config, private keys are in files, or secrets beside the environment. */
type PrivateKeys = "privateKey" | "privateKeyPassphrase" | "oldPrivateKey" | "oldPrivateKeyPassphrase";

type JumpHostConfig = Omit<JumpHostArgs, PrivateKeys | "hostKey"> &
  HostKeyConfig & { privateKeyPath?: string };

const jumpHost = section(
  "A jump host",
  "SSH goes through it, and nothing is installed on it. Its sshd has to forward connections. Either `hostKey` or " +
    "`hostKeyPath` is required. [Reaching the hosts](reaching-hosts.md) explains it.",
  z.strictObject({
    address: key(nonEmpty, "Address or name at which this machine reaches it."),
    sourceAddress: key(
      z.string().optional(),
      "IPv4 address from which its connections arrive at the hosts. The Security List of `network` admits SSH from it.",
      { defaultText: "`address`" },
    ),
    user: key(nonEmpty.optional(), "Login user, who needs no rights there.", { defaultText: "`ssh.user`" }),
    port: key(port.optional(), "TCP port of its sshd.", { default: DEFAULT_SSH_PORT }),
    privateKeyPath: key(nonEmpty.optional(), "File with the private key, in OpenSSH or PEM format.", {
      defaultText: "the secret `sshProxyPrivateKey`, or else the key of the hosts",
    }),
    hostKey: key(
      z.string().optional(),
      "Its public host key, ed25519 or ECDSA, such as `ssh-ed25519 AAAA…`.",
    ),
    hostKeyPath: key(nonEmpty.optional(), "File with its public host key."),
  } satisfies Fields<JumpHostConfig>),
);

type ExistingHostConfig = Omit<ExistingHostArgs, "hostKey" | "proxy"> &
  HostKeyConfig & { proxy?: JumpHostConfig };

const existing = section(
  "A host that exists",
  "A machine that runs already, in any cloud or none. Either `hostKey` or `hostKeyPath` is required.",
  z.strictObject({
    underlayAddress: key(
      z.string(),
      "IPv4 address that a NIC of the host itself carries; the NIC is found by it.",
      {
        change:
          "Updatable: where it names another machine, the same `up` first removes the overlay from the old one.",
      },
    ),
    sshAddress: key(
      nonEmpty.optional(),
      "Address or name where SSH reaches the host, outside of the overlay.",
      { defaultText: "`underlayAddress`" },
    ),
    user: key(nonEmpty.optional(), "Login user.", { defaultText: "`ssh.user`" }),
    port: key(port.optional(), "TCP port of sshd.", { defaultText: "`ssh.port`" }),
    hostKey: key(
      z.string().optional(),
      "Public key of the host, ed25519 or ECDSA, such as `ssh-ed25519 AAAA…`.",
    ),
    hostKeyPath: key(nonEmpty.optional(), "File with the public key of the host."),
    proxy: key(
      jumpHost.optional(),
      "Jump host for this host alone, with [the keys of `ssh.proxy`](#a-jump-host-sshproxy).",
      { defaultText: "`ssh.proxy`, or the host that `ssh.via` names" },
    ),
    direct: key(
      z.boolean().optional(),
      "Whether SSH goes to this host directly, although `ssh.proxy` or `ssh.via` is set.",
      { default: false },
    ),
  } satisfies Fields<ExistingHostConfig>),
);

type HostConfig = Omit<EnvironmentHostArgs, "existing"> & { existing?: ExistingHostConfig };

const host = section(
  "A host",
  "Either `instance` or `existing`. Adding or removing a host touches no resource of the others except their phase " +
    "peers.",
  z.strictObject({
    overlayAddresses: key(
      z.array(z.string()).min(1),
      "One address in each of `overlay.cidrs`, without prefix length.",
    ),
    generation: key(
      z.int().min(0).optional(),
      "Counter. Raise it to have the overlay installed on the host again, for example after the MTU of " +
        "its NIC changed.",
      { default: 0 },
    ),
    down: key(
      z.boolean().optional(),
      "Set it while the host is down on purpose. `up` then leaves the host alone and no host probes it; " +
        "its entries on the other hosts stay. What changed meanwhile reaches it with the first `up` without " +
        "`down`.",
      { default: false },
    ),
    instance: instance.optional(),
    existing: existing.optional(),
  } satisfies Fields<HostConfig>),
);

const overlay = section(
  "The overlay",
  "The network between the hosts, and the device that each of them has on it.",
  z.strictObject({
    cidrs: key(z.array(z.string()), "Networks of the overlay: one IPv4 CIDR, one IPv6 CIDR, or one of each."),
    device: key(z.string().optional(), "Name of the VXLAN device on every host, at most 15 characters.", {
      default: defaults.device,
      change: MAKES_DEVICE_AGAIN,
    }),
    vni: key(z.number().optional(), "VXLAN network identifier, 1 to 16777215.", {
      default: defaults.vni,
      change: MAKES_DEVICE_AGAIN,
    }),
    port: key(
      z.number().optional(),
      "UDP port of VXLAN. Linux uses 8472 for peers that were set up by hand without `dstport`.",
      { default: defaults.port, change: MAKES_DEVICE_AGAIN },
    ),
    mtu: key(
      z.number().optional(),
      "MTU of the VXLAN device in bytes. One that a NIC, or the path to a peer, cannot carry is refused; IPv6 needs " +
        "1330 bytes there.",
      { defaultText: "the smallest underlay MTU of the hosts less 50" },
    ),
    flood: key(
      z.boolean().optional(),
      "Whether broadcast, multicast and frames to unknown MACs are replicated to every peer. With " +
        "`false`, only frames to addresses that the peers are known by pass.",
      { default: defaults.flood },
    ),
    overlayIngress: key(
      z.string().optional(),
      "What the hosts' firewalls let in from the overlay: `all`, or `none`, which leaves that to the " +
        "rules that a host has.",
      { default: defaults.overlayIngress, enum: ["all", "none"] },
    ),
    hostFirewall: key(
      z.string().optional(),
      "`manage` opens the hosts' own firewalls for the overlay; `leave` opens nothing in them. VXLAN from " +
        "non-peers is dropped either way.",
      { default: defaults.hostFirewall, enum: ["manage", "leave"] },
    ),
    checksumOffload: key(
      z.string().optional(),
      "Some NICs send wrong checksums inside VXLAN: ICMP passes, and TCP hangs. With `auto`, a host where `up` has seen " +
        "that computes them itself from then on; with `off`, all hosts do, which costs some CPU.",
      { default: defaults.checksumOffload, enum: ["auto", "off"] },
    ),
    pathProbes: key(
      z.boolean().optional(),
      "Whether each host probes the path to each peer about once a minute, and tells in its journal, its status and its " +
        "metrics what breaks and heals.",
      { default: defaults.pathProbes },
    ),
    verify: key(
      z.boolean().optional(),
      "Whether every `up` ends in the hosts probing each other over the overlay. With `false` they are " +
        "only asked whether they are in sync.",
      { default: true },
    ),
    verifyPort: key(port.optional(), "TCP port of sshd on the overlay.", {
      defaultText: "the SSH port of each host",
    }),
    confirmTimeout: key(
      z.number().optional(),
      "Seconds, 30 to 3600, after which a host rolls back a change of its settings that cut off SSH, " +
        "unless a new SSH session has reached it by then.",
      { default: defaults.confirmTimeout },
    ),
  } satisfies Fields<OverlayArgs>),
);

type SshConfig = Omit<EnvironmentLoginArgs, PrivateKeys | "publicKey" | "proxy"> & {
  privateKeyPath?: string;
  oldPrivateKeyPath?: string;
  publicKeyPath?: string;
  proxy?: JumpHostConfig;
};

const ssh = section(
  "SSH",
  "How Pulumi logs in to the hosts.",
  z.strictObject({
    user: key(
      nonEmpty.optional(),
      "Login user: root, or a user with sudo without a password. Created on provisioned hosts at their first boot.",
      { default: DEFAULT_USER, change: "Updatable: a provisioned host that is there keeps its user." },
    ),
    port: key(port.optional(), "TCP port of sshd.", { default: DEFAULT_SSH_PORT }),
    privateKeyPath: key(nonEmpty.optional(), "File with the private key, in OpenSSH or PEM format.", {
      defaultText: "the secret `sshPrivateKey`",
      change:
        "Updatable, beside the key that it replaces: a host that is there takes only keys in its `authorized_keys`.",
    }),
    oldPrivateKeyPath: key(
      nonEmpty.optional(),
      "File with the private key that the new one replaces. `up` adds the new key on every host, logs in with it, and " +
        "at its end removes the old one. Take it out of the config afterwards: [how it works](security.md#the-login-key).",
      { defaultText: "the secret `sshOldPrivateKey`, if there is one" },
    ),
    agent: key(
      z.union([z.boolean(), nonEmpty]).optional(),
      "In place of a private key: `true` for the SSH agent in `SSH_AUTH_SOCK`, or the path of an agent's socket. The " +
        "state then holds no login key.",
      { default: false },
    ),
    publicKeyPath: key(
      nonEmpty.optional(),
      "File with the public key that instances get at their first boot. Beside `agent` only, and required there with " +
        "`instance` hosts.",
      { defaultText: "derived from the private key" },
    ),
    via: key(
      nonEmpty.optional(),
      "Name of a host of this environment through which SSH reaches the others, by their private addresses.",
    ),
    proxy: jumpHost.optional(),
  } satisfies Fields<SshConfig>),
);

type EnvironmentConfig = Omit<OverlayEnvironmentArgs, "ssh" | "hosts"> & {
  ssh: SshConfig;
  hosts: Record<string, HostConfig>;
};

export const environmentSchema = section(
  "The environment",
  "The keys of `oci-vxlan:environment` itself.",
  z.strictObject({
    overlay,
    ssh: ssh.default({}),
    hosts: key(
      z.record(z.string(), host),
      "The hosts by name, two or more: lower-case letters, digits and inner hyphens.",
    ),
    compartmentId: key(
      z.string().optional(),
      "OCID of the compartment in which everything is created. Required with `instance` hosts.",
      { change: "Updatable: moves what was created." },
    ),
    network: network.optional(),
    tags: key(
      z.record(z.string(), z.string()).optional(),
      "Freeform tags of everything that is created, ten at most.",
    ),
  } satisfies Fields<EnvironmentConfig>),
);

/** A stack's `environment`, its keys and types checked. */
export type Environment = z.infer<typeof environmentSchema>;
