import { randomBytes } from "node:crypto";
import { REGION } from "../region.ts";
import type { ResourceKind } from "./resources.ts";

/** The type that a kind's OCIDs name. */
export const OCID_TYPES: Readonly<Record<ResourceKind, string>> = {
  vcns: "vcn",
  dhcpOptions: "dhcpoptions",
  internetGateways: "internetgateway",
  natGateways: "natgateway",
  serviceGateways: "servicegateway",
  routeTables: "routetable",
  securityLists: "securitylist",
  networkSecurityGroups: "networksecuritygroup",
  subnets: "subnet",
  instances: "instance",
  vnics: "vnic",
  vnicAttachments: "vnicattachment",
  privateIps: "privateip",
  bootVolumes: "bootvolume",
  // Oracle gives the attachment of a boot volume its instance's OCID.
  bootVolumeAttachments: "instance",
};

const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** An OCID in Oracle's form, random in its last 56 characters. */
export function newOcid(kind: ResourceKind): string {
  const unique = [...randomBytes(56)].map((byte) => LETTERS[byte % 32]).join("");
  return `ocid1.${OCID_TYPES[kind]}.oc1.${REGION}.anth${unique}`;
}
