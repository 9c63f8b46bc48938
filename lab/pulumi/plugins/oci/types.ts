import { instance } from "./instance.ts";
import { internetGateway } from "./internetGateway.ts";
import { natGateway } from "./natGateway.ts";
import { networkSecurityGroup } from "./networkSecurityGroup.ts";
import { networkSecurityGroupSecurityRule } from "./networkSecurityGroupSecurityRule.ts";
import type { ResourceType } from "./resource.ts";
import { routeTable } from "./routeTable.ts";
import { defaultSecurityList, securityList } from "./securityList.ts";
import { serviceGateway } from "./serviceGateway.ts";
import { subnet } from "./subnet.ts";
import { vcn } from "./vcn.ts";

/** The resource types of the stand-in by their tokens. */
export const TYPES: Readonly<Record<string, ResourceType>> = {
  "oci:Core/vcn:Vcn": vcn,
  "oci:Core/internetGateway:InternetGateway": internetGateway,
  "oci:Core/natGateway:NatGateway": natGateway,
  "oci:Core/serviceGateway:ServiceGateway": serviceGateway,
  "oci:Core/routeTable:RouteTable": routeTable,
  "oci:Core/securityList:SecurityList": securityList,
  "oci:Core/defaultSecurityList:DefaultSecurityList": defaultSecurityList,
  "oci:Core/networkSecurityGroup:NetworkSecurityGroup": networkSecurityGroup,
  "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule":
    networkSecurityGroupSecurityRule,
  "oci:Core/subnet:Subnet": subnet,
  "oci:Core/instance:Instance": instance,
};
