import { parseAddress } from "../../vxlan/addresses.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { withDefaults } from "../../vxlan/settings.ts";
import { validateHostKey } from "../../vxlan/validation/hostKey.ts";
import { validateOverlay } from "../../vxlan/validation/overlay.ts";
import type { PartialHost, Paths } from "../../vxlan/validation/overlay.ts";
import { problemWithOcid } from "../ocid.ts";
import { instancesOf, jumpHostSources, outsideAddresses, subnetOf } from "../settings.ts";
import type { EnvironmentSettings, InstanceSettings } from "../settings.ts";
import { validateInstanceAddresses } from "./instanceAddresses.ts";
import { validateInstance } from "./instances.ts";
import { validateJumpHostKeys, validateJumpHosts } from "./jumpHosts.ts";
import { validateNetwork } from "./network.ts";
import type { NetworkUsers } from "./network.ts";
import { validateOperatorOverlap, validateUnderlayOverlap } from "./overlaps.ts";
import { validateTags } from "./tags.ts";

/**
 * All problems of an environment that can be found before anything is created: what OCI would refuse, and what makes no
 * overlay. Paths are the same in a stack's config and in the component's arguments.
 */
export function validateEnvironment(environment: EnvironmentSettings): Problem[] {
  const { network, overlay, hosts, tags = {} } = environment;
  const instances = instancesOf(environment);
  return [
    ...validateKinds(environment),
    ...validatePresence(environment, Object.keys(instances)),
    ...(network ? validateNetwork(network, "network", networkUsers(environment)) : []),
    ...Object.entries(instances).flatMap(([name, instance]) =>
      validateInstance(instance, instancePath(name)),
    ),
    ...validateSshPort(environment, instances),
    ...(network ? validateInstanceAddresses(instances, network, instancePath) : []),
    ...validateUnderlayAddresses(environment),
    ...validateUnderlayOverlap(environment, instances),
    ...validateOperatorOverlap(environment),
    ...validateJumpHosts(environment),
    ...validateTags(tags),
    ...validateOverlay(withDefaults(overlay), partialHosts(environment), environmentPaths(hosts)),
  ];
}

function networkUsers(environment: EnvironmentSettings): NetworkUsers {
  const { ssh, hosts } = environment;
  const { jumpHostCidrs } = jumpHostSources(environment);
  const isInstance = hosts[ssh?.via ?? ""]?.instance !== undefined;
  return { outsideCidrs: outsideAddresses(environment), jumpHostCidrs: isInstance ? [] : jumpHostCidrs };
}

/** Warnings about a valid environment: in a VCN that is created, a host may have no internet access. */
export function environmentWarnings(environment: EnvironmentSettings): string[] {
  const { vcn, subnets = {} } = environment.network ?? {};
  if (vcn?.cidr === undefined) return [];
  return Object.entries(instancesOf(environment)).flatMap(([host, instance]) => {
    const subnet = subnetOf(instance, subnets);
    if (instance.publicIp !== false || subnet === undefined || subnets[subnet]?.private === true) return [];
    return [
      `${instancePath(host)}.publicIp: without a public address, ${host} does not reach the internet from subnet ` +
        `${subnet}. Put it into a subnet with \`private: true\`, whose default route leads to a NAT gateway.`,
    ];
  });
}

export const instancePath = (host: string) => `hosts.${host}.instance`;

/** The sshd of a platform image listens on port 22, and nothing here changes that. */
function validateSshPort(
  { ssh }: EnvironmentSettings,
  instances: Readonly<Record<string, InstanceSettings>>,
): Problem[] {
  const hosts = Object.entries(instances).flatMap(([name, { image }]) =>
    image?.id === undefined ? [name] : [],
  );
  if (ssh?.port === undefined || ssh.port === 22 || hosts.length === 0) return [];
  const message =
    `${ssh.port} is not where ${hosts.join(", ")} can be reached: the platform's images listen on 22. Leave it out, or give ` +
    "these hosts an image.id whose sshd listens there.";
  return [{ path: "ssh.port", message }];
}

/** The hosts as the overlay's checks need them. */
function partialHosts({ hosts }: EnvironmentSettings): Record<string, PartialHost> {
  return Object.fromEntries(
    Object.entries(hosts).map(([name, { overlayAddresses = [], instance, existing }]) => [
      name,
      {
        overlayAddresses,
        underlayAddress: instance ? validPrivateIp(instance) : existing?.underlayAddress,
        sshAddress: existing?.sshAddress,
      },
    ]),
  );
}

/** An instance's address, unless the checks of instances refuse it. */
function validPrivateIp({ privateIp }: InstanceSettings): string | undefined {
  return parseAddress(privateIp ?? "")?.kind() === "ipv4" ? privateIp : undefined;
}

function environmentPaths(hosts: EnvironmentSettings["hosts"]): Paths {
  return {
    overlay: "overlay",
    underlayAddress: (name) =>
      hosts[name]?.instance ? `${instancePath(name)}.privateIp` : `hosts.${name}.existing.underlayAddress`,
    sshAddress: (name) => `hosts.${name}.existing.sshAddress`,
  };
}

function validateKinds({ hosts }: EnvironmentSettings): Problem[] {
  return Object.entries(hosts).flatMap(([name, { instance, existing }]) => {
    if ((instance === undefined) !== (existing === undefined)) return [];
    return [
      {
        path: `hosts.${name}`,
        message: instance
          ? "given as instance and as existing: keep instance to have the host created, or existing for one that exists."
          : "neither instance nor existing is given: give `instance: {}` to have the host created, or existing for one that exists.",
      },
    ];
  });
}

/** Checks the pinned keys of existing hosts. A stack's config does so itself, since its keys may be in files. */
export function validateHostKeys(environment: Pick<EnvironmentSettings, "hosts" | "ssh">): Problem[] {
  return [
    ...Object.entries(environment.hosts).flatMap(([name, { existing }]) =>
      existing ? validateHostKey(`hosts.${name}.existing.hostKey`, existing.hostKey) : [],
    ),
    ...validateJumpHostKeys(environment),
  ];
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
  provisionedHosts: readonly string[],
): Problem[] {
  const problems = problemWithOcid(compartmentId, ["compartment", "tenancy"], "compartmentId");
  const hosts = `${provisionedHosts.length === 1 ? "host" : "hosts"} ${provisionedHosts.join(", ")}`;
  if (compartmentId === undefined && (provisionedHosts.length > 0 || network)) {
    problems.push({
      path: "compartmentId",
      message:
        "missing: give the OCID of the compartment of all resources (`oci iam compartment list` shows them).",
    });
  }
  if (!network && provisionedHosts.length > 0) {
    problems.push({
      path: "network",
      message: `missing: ${hosts} need a VCN and a subnet: give vcn, subnets and operatorCidrs.`,
    });
  }
  return problems;
}
