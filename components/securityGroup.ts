import { NetworkSecurityGroup } from "@pulumi/oci/core/networkSecurityGroup.js";
import type { NetworkSecurityGroupArgs } from "@pulumi/oci/core/networkSecurityGroup.js";
import { NetworkSecurityGroupSecurityRule } from "@pulumi/oci/core/networkSecurityGroupSecurityRule.js";
import type * as pulumi from "@pulumi/pulumi";
import { GROUP } from "./oci/groupRules.ts";
import type { GroupRule } from "./oci/groupRules.ts";

/** A Network Security Group, with its rules as resources of their own. */
export interface SecurityGroup {
  id: pulumi.Output<string>;
  rules: pulumi.Resource[];
}

/**
 * Creates `<name>-security-group`, and a resource for each of its rules.
 *
 * @param options of the group; its rules have the same parent
 */
export function createSecurityGroup(
  name: string,
  args: NetworkSecurityGroupArgs,
  rules: readonly GroupRule[],
  options: pulumi.CustomResourceOptions,
): SecurityGroup {
  const group = new NetworkSecurityGroup(`${name}-security-group`, args, options);
  const ruleResources = rules.map(
    (rule) =>
      new NetworkSecurityGroupSecurityRule(
        `${name}-${rule.name}`,
        { networkSecurityGroupId: group.id, ...groupRuleArgs(rule, group.id) },
        // A group that Oracle refuses to delete, since a VNIC is in it, keeps its rules.
        { parent: options.parent, deletedWith: group },
      ),
  );
  return { id: group.id, rules: ruleResources };
}

/** A rule in the fields of the `oci` plugin, where ports have another place than in a Security List. */
function groupRuleArgs(
  { direction, peer, protocol, stateless, description, tcpOptions, udpOptions, icmpOptions }: GroupRule,
  groupId: pulumi.Output<string>,
) {
  const isGroup = peer === GROUP;
  const end = isGroup ? groupId : peer;
  const type = isGroup ? "NETWORK_SECURITY_GROUP" : "CIDR_BLOCK";
  return {
    direction,
    protocol,
    stateless,
    description,
    tcpOptions: tcpOptions && { destinationPortRange: tcpOptions },
    udpOptions: udpOptions && { destinationPortRange: udpOptions },
    icmpOptions,
    ...(direction === "INGRESS"
      ? { source: end, sourceType: type }
      : { destination: end, destinationType: type }),
  };
}
