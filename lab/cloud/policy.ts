import { cidrOf, contains, formatCidr } from "../network/cidr.ts";
import type { PacketRule } from "../network/packetRule.ts";
import type {
  CloudNetwork,
  PacketPolicy,
  SecuredVnic,
  TranslatedRoute,
} from "../network/securityListRules.ts";
import { portOf } from "../network/vnic.ts";
import type { Cloud } from "./model/cloud.ts";
import type { EgressSecurityRule, IngressSecurityRule, Subnet } from "./model/resources.ts";
import { PUBLIC_ADDRESSES } from "./model/vnic.ts";

/** The network that the router has to make of the cloud's state: each VNIC with its subnet's rules and routes. */
export function networkOf(cloud: Cloud): CloudNetwork {
  const subnetIds = [...new Set(cloud.all("vnics").map(({ subnetId }) => subnetId))];
  const vnics = cloud.all("vnicAttachments").flatMap(({ vnicId, instanceId }): SecuredVnic[] => {
    const machine = cloud.state.machines[instanceId];
    if (machine === undefined) return [];
    const { subnetId, privateIp, publicIp, skipSourceDestCheck } = cloud.get("vnics", vnicId);
    const subnet = cloud.get("subnets", subnetId);
    // An internet gateway carries the traffic of public addresses only.
    const outside = publicIp === undefined ? [] : internetRoutes(cloud, subnet);
    return [
      {
        port: portOf(machine.host, true),
        address: privateIp,
        policy: subnetIds.indexOf(subnetId),
        vcn: subnet.vcnId,
        forwards: skipSourceDestCheck,
        publicAddress: outside.length > 0 ? publicIp : undefined,
        outside,
        translated: natRoutes(cloud, subnet),
      },
    ];
  });
  const policies = subnetIds.map((id) => policyOf(cloud, cloud.get("subnets", id)));
  const natAddresses = cloud.all("natGateways").map(({ natIp }) => natIp);
  return { policies, vnics, publicAddresses: PUBLIC_ADDRESSES, natAddresses };
}

function policyOf(cloud: Cloud, { securityListIds }: Subnet): PacketPolicy {
  const lists = securityListIds.map((id) => cloud.get("securityLists", id));
  return {
    ingress: lists.flatMap(({ ingressSecurityRules }) =>
      ingressSecurityRules.map((rule) => packetRule(rule, rule.source)),
    ),
    egress: lists.flatMap(({ egressSecurityRules }) =>
      egressSecurityRules.map((rule) => packetRule(rule, rule.destination)),
    ),
  };
}

function packetRule(rule: IngressSecurityRule | EgressSecurityRule, cidr: string): PacketRule {
  const { isStateless, protocol, icmpOptions, tcpOptions, udpOptions } = rule;
  const { destinationPortRange, sourcePortRange } = tcpOptions ?? udpOptions ?? {};
  return {
    isStateless,
    protocol: protocol === "all" ? "all" : Number(protocol),
    cidr,
    destinationPorts: destinationPortRange,
    sourcePorts: sourcePortRange,
    icmp: icmpOptions,
  };
}

/** The blocks that a subnet's route table sends to an enabled internet gateway. */
const internetRoutes = (cloud: Cloud, subnet: Subnet): string[] =>
  outermost(routesOf(cloud, subnet, (id) => cloud.state.internetGateways[id]?.isEnabled === true));

/** The blocks that a subnet's route table sends to a NAT gateway, with the gateway's address. */
function natRoutes(cloud: Cloud, subnet: Subnet): TranslatedRoute[] {
  const gateways = cloud.all("natGateways").filter(({ blockTraffic }) => !blockTraffic);
  return gateways.flatMap(({ id, natIp }) =>
    outermost(routesOf(cloud, subnet, (target) => target === id)).map((cidr) => ({ cidr, natIp })),
  );
}

/** The destinations of those route rules whose target is chosen. */
function routesOf(
  cloud: Cloud,
  { routeTableId }: Subnet,
  isTarget: (networkEntityId: string) => boolean,
): string[] {
  const { routeRules } = cloud.get("routeTables", routeTableId);
  return routeRules
    .filter(({ networkEntityId }) => isTarget(networkEntityId))
    .map(({ destination }) => destination);
}

/** The blocks without those inside another: nft takes no overlapping intervals. */
function outermost(destinations: readonly string[]): string[] {
  const blocks = destinations.map(cidrOf);
  return blocks
    .filter((block) => !blocks.some((other) => other !== block && contains(other, block)))
    .map(formatCidr);
}
