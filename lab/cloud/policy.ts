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
import { rulesOf, vnicsIn } from "./model/networkSecurityGroup.ts";
import type { EgressSecurityRule, GroupRule, IngressSecurityRule, Subnet, Vnic } from "./model/resources.ts";
import { PUBLIC_ADDRESSES } from "./model/vnic.ts";

/** The network that the router has to make of the cloud's state: each VNIC with its rules and routes. */
export function networkOf(cloud: Cloud): CloudNetwork {
  // VNICs with the same subnet and the same groups have the same rules.
  const sources = new Map(cloud.all("vnics").map((vnic) => [ruleSourcesKey(vnic), vnic]));
  const keys = [...sources.keys()];
  const vnics = cloud.all("vnicAttachments").flatMap(({ vnicId, instanceId }): SecuredVnic[] => {
    const machine = cloud.state.machines[instanceId];
    if (machine === undefined) return [];
    const vnic = cloud.get("vnics", vnicId);
    const { privateIp, publicIp, skipSourceDestCheck } = vnic;
    const subnet = cloud.get("subnets", vnic.subnetId);
    // An internet gateway carries the traffic of public addresses only.
    const internetCidrs = publicIp === undefined ? [] : internetRoutes(cloud, subnet);
    return [
      {
        port: portOf(machine.host, true),
        address: privateIp,
        policy: keys.indexOf(ruleSourcesKey(vnic)),
        vcn: subnet.vcnId,
        forwards: skipSourceDestCheck,
        publicAddress: internetCidrs.length > 0 ? publicIp : undefined,
        internetCidrs,
        natRoutes: natRoutes(cloud, subnet),
      },
    ];
  });
  const policies = [...sources.values()].map((vnic) => policyOf(cloud, vnic));
  const natAddresses = cloud.all("natGateways").map(({ natIp }) => natIp);
  return { policies, vnics, publicAddresses: PUBLIC_ADDRESSES, natAddresses };
}

/** Names where a VNIC's rules come from: its subnet and its groups. */
const ruleSourcesKey = ({ subnetId, nsgIds }: Vnic): string => [subnetId, ...nsgIds.toSorted()].join(" ");

/** All rules of a VNIC: those of its subnet's lists, and those of its groups. One that admits a packet is enough. */
function policyOf(cloud: Cloud, { subnetId, nsgIds }: Vnic): PacketPolicy {
  const { securityListIds } = cloud.get("subnets", subnetId);
  const lists = securityListIds.map((id) => cloud.get("securityLists", id));
  const groupRules = nsgIds.flatMap((id) => rulesOf(cloud, id));
  const ofGroups = (direction: GroupRule["direction"]) =>
    groupRules
      .filter((rule) => rule.direction === direction)
      .flatMap((rule) => peerCidrs(cloud, rule).map((cidr) => packetRule(rule, cidr)));
  return {
    ingress: [
      ...lists.flatMap(({ ingressSecurityRules }) =>
        ingressSecurityRules.map((rule) => packetRule(rule, rule.source)),
      ),
      ...ofGroups("INGRESS"),
    ],
    egress: [
      ...lists.flatMap(({ egressSecurityRules }) =>
        egressSecurityRules.map((rule) => packetRule(rule, rule.destination)),
      ),
      ...ofGroups("EGRESS"),
    ],
  };
}

/** The other ends of a group's rule. A rule about a group is about the private addresses of the VNICs in it. */
function peerCidrs(cloud: Cloud, rule: GroupRule): string[] {
  const { source, sourceType, destination, destinationType } = rule;
  const peer = source ?? destination ?? "";
  if ((sourceType ?? destinationType) === "CIDR_BLOCK") return [peer];
  return vnicsIn(cloud, peer).map(({ privateIp }) => `${privateIp}/32`);
}

function packetRule(rule: IngressSecurityRule | EgressSecurityRule | GroupRule, cidr: string): PacketRule {
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
