import { portOf } from "../network/vnic.ts";
import type { CloudNetwork, PacketPolicy, PacketRule, SecuredVnic } from "../network/securityListRules.ts";
import { formatAddress, holds, parseCidr } from "./model/cidr.ts";
import type { Cloud } from "./model/cloud.ts";
import type { SecurityRule, Subnet } from "./model/resources.ts";
import { PUBLIC_ADDRESSES } from "./model/vnic.ts";

/** What the cloud's books mean for packets: each VNIC with its subnet's rules and ways out. */
export function networkOf(cloud: Cloud): CloudNetwork {
  const policies: PacketPolicy[] = [];
  const indexes = new Map<string, number>();
  const policyOf = (subnet: Subnet): number => {
    const known = indexes.get(subnet.id);
    if (known !== undefined) return known;
    indexes.set(subnet.id, policies.length);
    return policies.push(policyFor(cloud, subnet)) - 1;
  };
  const vnics = cloud.all("vnicAttachments").flatMap(({ vnicId, instanceId }): SecuredVnic[] => {
    const machine = cloud.state.machines[instanceId];
    if (machine === undefined) return [];
    const vnic = cloud.get("vnics", vnicId);
    const subnet = cloud.get("subnets", vnic.subnetId);
    const outside = waysOut(cloud, subnet);
    const { publicIp } = vnic;
    return [
      {
        port: portOf(machine.host, true),
        address: vnic.privateIp,
        policy: policyOf(subnet),
        vcn: subnet.vcnId,
        forwards: vnic.skipSourceDestCheck,
        ...(publicIp !== undefined && outside.length > 0 ? { publicAddress: publicIp } : {}),
        // Without a public address an internet gateway carries nothing.
        outside: publicIp === undefined ? [] : outside,
      },
    ];
  });
  return { policies, vnics, publicAddresses: PUBLIC_ADDRESSES };
}

function policyFor(cloud: Cloud, { securityListIds }: Subnet): PacketPolicy {
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

function packetRule(rule: SecurityRule, cidr: string): PacketRule {
  const ports = rule.tcpOptions ?? rule.udpOptions;
  const pair = ({ min, max }: { min: number; max: number }) => [min, max] as const;
  return {
    isStateless: rule.isStateless,
    protocol: rule.protocol === "all" ? "all" : Number(rule.protocol),
    cidr,
    ...(ports?.destinationPortRange ? { destinationPorts: pair(ports.destinationPortRange) } : {}),
    ...(ports?.sourcePortRange ? { sourcePorts: pair(ports.sourcePortRange) } : {}),
    ...(rule.icmpOptions ? { icmp: rule.icmpOptions } : {}),
  };
}

/** What a subnet's route table sends to a gateway that is on; no block within another. */
function waysOut(cloud: Cloud, { routeTableId }: Subnet): string[] {
  const blocks = cloud
    .get("routeTables", routeTableId)
    .routeRules.filter(({ networkEntityId }) => cloud.state.internetGateways[networkEntityId]?.isEnabled)
    .flatMap(({ destination }) => parseCidr(destination) ?? []);
  return blocks
    .filter((block) => !blocks.some((other) => other !== block && holds(other, block)))
    .map(({ base, prefix }) => `${formatAddress(base)}/${prefix}`);
}
