import { DEFAULT_SECURITY_LIST, DEFAULT_SHAPE, subnetOf } from "../components/oci/settings.ts";
import { DEFAULT_SSH_PORT } from "../components/remoteCommand.ts";
import { withDefaults } from "../components/vxlan/settings.ts";
import type { Environment } from "../stacks/schema.ts";
import { isCutOff } from "./health.ts";
import type { Health, HostHealth, PairHealth } from "./health.ts";
import type { StackOutputs } from "./outputs.ts";

/** What a picture shows of a stack, as plain values. */
export interface Topology {
  stack: string;
  /** What a reader has to know about the picture. */
  notes: string[];
  /** Undefined where all hosts existed before. */
  vcn: Vcn | undefined;
  /** Hosts that existed before, outside of what the stack creates. */
  existingHosts: TopologyHost[];
  overlay: Overlay;
  /** Both directions between any two hosts; undefined without a status report. */
  pairs?: PairHealth[];
}

interface Vcn {
  /** Its CIDR, or its OCID where it exists. */
  label: string;
  security: Security;
  subnets: Subnet[];
}

/** The Security List or group that filters the hosts' packets. */
interface Security {
  label: string;
  /** What it admits, a line a kind of traffic. */
  admits: string[];
}

interface Subnet {
  name: string;
  /** Its CIDR, or its OCID where it exists. */
  label: string;
  access: "public" | "private" | "existing";
  /** Whether a Security List of the stack is attached to it, or a Network Security Group to its hosts. */
  isGuarded: boolean;
  hosts: TopologyHost[];
}

export interface TopologyHost {
  name: string;
  /** Undefined until Oracle has chosen it. */
  underlayAddress: string | undefined;
  publicAddress: string | undefined;
  overlayAddresses: string[];
  mac: string | undefined;
  /** Of an instance. */
  shape: string | undefined;
  /** On purpose, by the config. */
  isDown: boolean;
  isJumpHost: boolean;
  /** Undefined without a status report, and for a host that it does not have. */
  health?: HostHealth | undefined;
}

interface Overlay {
  device: string;
  vni: number;
  port: number;
  cidrs: string[];
  mtu: number | undefined;
}

/** The topology of a stack: its config, and beside it the outputs of its last `up`. */
export function topologyOf(stack: string, environment: Environment, outputs?: StackOutputs): Topology {
  const { device, vni, port, cidrs, mtu } = withDefaults(environment.overlay);
  return {
    stack,
    notes: outputs ? [] : ["planned, from its config"],
    vcn: vcnOf(environment, outputs ?? {}),
    existingHosts: hostsOf(environment, outputs ?? {}, ({ existing }) => existing !== undefined),
    overlay: { device, vni, port, cidrs, mtu: outputs?.mtu ?? mtu },
  };
}

/** The same topology, with what a status report says of its hosts and paths. */
export function withHealth(topology: Topology, { note, hosts, pairs }: Health): Topology {
  const hostWithHealth = (host: TopologyHost): TopologyHost => ({ ...host, health: hosts.get(host.name) });
  const { vcn, existingHosts, notes } = topology;
  // A host may be in the stack and not in its config any more.
  const names = new Set(allHosts(topology).map(({ name }) => name));
  return {
    ...topology,
    notes: [...notes, note],
    pairs: pairs.filter(({ between }) => between.every((name) => names.has(name))),
    vcn: vcn && {
      ...vcn,
      subnets: vcn.subnets.map((subnet) => ({ ...subnet, hosts: subnet.hosts.map(hostWithHealth) })),
    },
    existingHosts: existingHosts.map(hostWithHealth),
  };
}

/** All hosts of a topology, in the order in which it shows them. */
export const allHosts = ({ vcn, existingHosts }: Topology): TopologyHost[] => [
  ...(vcn?.subnets ?? []).flatMap(({ hosts }) => hosts),
  ...existingHosts,
];

/** The paths of a topology that have a line of their own. */
interface ShownPaths {
  /** Whether these are all, in place of the segment. */
  isMesh: boolean;
  drawnPairs: PairHealth[];
  /** How many more have trouble. */
  hiddenPairs: number;
}

/** Hosts up to which each path is drawn. */
const MESH_SIZE = 4;
/** Paths that are drawn beside the segment of a larger fleet. */
const MOST_PATHS = 12;

/** In a larger fleet, pairs with trouble, but for those of a host that reaches nobody: its own card says so. */
export function pathsToShow({ pairs, ...topology }: Topology): ShownPaths {
  if (pairs === undefined) return { isMesh: false, drawnPairs: [], hiddenPairs: 0 };
  if (allHosts(topology).length <= MESH_SIZE) return { isMesh: true, drawnPairs: pairs, hiddenPairs: 0 };
  const troubledPairs = pairs.filter(
    ({ grade, between }) =>
      (grade === "bad" || grade === "poor") && !between.some((end) => isCutOff(end, pairs)),
  );
  return {
    isMesh: false,
    drawnPairs: troubledPairs.slice(0, MOST_PATHS),
    hiddenPairs: Math.max(0, troubledPairs.length - MOST_PATHS),
  };
}

function vcnOf(environment: Environment, outputs: StackOutputs): Vcn | undefined {
  const { network } = environment;
  if (!network) return undefined;
  const subnets = Object.entries(network.subnets).map(([name, subnet]): Subnet => ({
    name,
    label: subnet.cidr ?? shortOcid(subnet.id ?? ""),
    access: subnet.id !== undefined ? "existing" : subnet.private ? "private" : "public",
    isGuarded: subnet.id === undefined || hasGroup(network),
    hosts: hostsOf(
      environment,
      outputs,
      ({ instance }) => instance !== undefined && subnetOf(instance, network.subnets) === name,
    ),
  }));
  return {
    label: network.vcn.cidr ?? shortOcid(network.vcn.id ?? ""),
    security: securityOf(environment, network),
    subnets: subnets.filter(({ hosts }) => hosts.length > 0),
  };
}

function securityOf({ overlay, ssh }: Environment, network: NonNullable<Environment["network"]>): Security {
  const { operatorCidrs } = network;
  const [first = "nobody", ...otherCidrs] = operatorCidrs;
  const operators = otherCidrs.length === 0 ? first : `${first} and ${otherCidrs.length} more`;
  return {
    label: guardName(network),
    admits: [
      `UDP ${withDefaults(overlay).port} between the hosts`,
      `TCP ${ssh.port ?? DEFAULT_SSH_PORT} from ${operators}`,
    ],
  };
}

/** Whether the VNICs of the instances are in a Network Security Group of the stack, whatever their subnets are. */
const hasGroup = ({ securityGroup = false }: NonNullable<Environment["network"]>) => securityGroup !== false;

function guardName(network: NonNullable<Environment["network"]>): string {
  const { securityList = {}, securityGroup, subnets } = network;
  const name = securityList.name ?? DEFAULT_SECURITY_LIST;
  if (!hasGroup(network)) return `Security List ${securityList.default ? "default" : name}`;
  const group = `Network Security Group ${name}`;
  const hasList = securityGroup === true && Object.values(subnets).some(({ cidr }) => cidr !== undefined);
  return hasList ? `Security List and ${group}` : group;
}

function hostsOf(
  { hosts, ssh }: Environment,
  { addresses = {}, macs = {} }: StackOutputs,
  isMember: (host: Environment["hosts"][string]) => boolean,
): TopologyHost[] {
  return Object.entries(hosts).flatMap(([name, host]) => {
    if (!isMember(host)) return [];
    const { privateIp, publicIp } = addresses[name] ?? {};
    const { instance, existing } = host;
    return {
      name,
      underlayAddress: privateIp ?? instance?.privateIp ?? existing?.underlayAddress,
      publicAddress: publicIp || undefined,
      overlayAddresses: host.overlayAddresses,
      mac: macs[name],
      shape: instance && (instance.shape ?? DEFAULT_SHAPE),
      isDown: host.down ?? false,
      isJumpHost: ssh.via === name,
    };
  });
}

/** The end of an OCID, by which people tell two of them apart. */
const shortOcid = (ocid: string) =>
  ocid.length > 24 ? `${ocid.split(".")[1] ?? ""} …${ocid.slice(-6)}` : ocid;
