import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as command from "@pulumi/command";
import * as oci from "@pulumi/oci";
import * as pulumi from "@pulumi/pulumi";
import { COMPARTMENT } from "../../../lab/cloud/region.ts";
import { FLEET_CIDR } from "../../fleet.ts";
import type { FleetHost } from "../../fleet.ts";

/**
 * As many instances as a fleet has, in one subnet that lets everything pass, and two Commands on each, which do
 * nothing. BENCH_HOSTS lists the hosts.
 */

const compartmentId = COMPARTMENT;
const shape = "VM.Standard.E4.Flex";
const keys = join(import.meta.dirname, "../../../.lab/keys");
const hosts = JSON.parse(process.env["BENCH_HOSTS"] ?? "[]") as FleetHost[];

const vcn = new oci.core.Vcn("vcn", { compartmentId, cidrBlocks: [FLEET_CIDR] });
const gateway = new oci.core.InternetGateway("internet", { compartmentId, vcnId: vcn.id });
const everywhere = "0.0.0.0/0";
const routeTable = new oci.core.RouteTable("routes", {
  compartmentId,
  vcnId: vcn.id,
  routeRules: [{ destination: everywhere, networkEntityId: gateway.id }],
});
const securityList = new oci.core.SecurityList("all", {
  compartmentId,
  vcnId: vcn.id,
  ingressSecurityRules: [{ protocol: "all", source: everywhere }],
  egressSecurityRules: [{ protocol: "all", destination: everywhere }],
});
const subnet = new oci.core.Subnet("all", {
  compartmentId,
  vcnId: vcn.id,
  cidrBlock: FLEET_CIDR,
  routeTableId: routeTable.id,
  securityListIds: [securityList.id],
});

const { availabilityDomains } = await oci.identity.getAvailabilityDomains({ compartmentId });
const availabilityDomain = availabilityDomains[0]?.name ?? "";
const { images } = await oci.core.getImages({
  compartmentId,
  operatingSystem: "Canonical Ubuntu",
  operatingSystemVersion: "24.04",
  shape,
});
const privateKey = readFileSync(join(keys, "opc_ed25519"), "utf8");
const publicKey = readFileSync(join(keys, "opc_ed25519.pub"), "utf8");
const userData = `#cloud-config\nusers: [{name: opc, ssh_authorized_keys: ["${publicKey.trim()}"]}]\n`;

for (const { name, underlay } of hosts) {
  const instance = new oci.core.Instance(name, {
    compartmentId,
    availabilityDomain,
    shape,
    shapeConfig: { ocpus: 1, memoryInGbs: 8 },
    displayName: name,
    sourceDetails: { sourceType: "image", sourceId: images[0]?.id ?? "" },
    createVnicDetails: { subnetId: subnet.id, privateIp: underlay, assignPublicIp: "true" },
    metadata: {
      ssh_authorized_keys: publicKey,
      user_data: Buffer.from(userData).toString("base64"),
    },
  });
  const connection = pulumi.secret({
    host: instance.publicIp,
    user: "opc",
    privateKey,
    dialErrorLimit: 40,
    perDialTimeout: 8,
  });
  for (const phase of ["first", "second"])
    new command.remote.Command(`${name}-${phase}`, { connection, create: "true", delete: "true" });
}
