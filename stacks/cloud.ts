import { z } from "zod";

/** The cloud's part of a stack config: where instances are made, and what they are. */

const ocid = z.string().min(1);

const securityRule = z.strictObject({
  /** tcp, udp, icmp, all, or an IP protocol number in quotes. */
  protocol: z.string(),
  /** Where packets come from (ingress) or go to (egress). */
  cidr: z.string(),
  minPort: z.number().optional(),
  maxPort: z.number().optional(),
  icmpType: z.number().optional(),
  icmpCode: z.number().optional(),
  stateless: z.boolean().optional(),
  description: z.string().optional(),
});

export const network = z.strictObject({
  vcn: z.strictObject({
    /** CIDR of a VCN to be made. */
    cidr: z.string().optional(),
    /** OCID of a VCN that exists. */
    id: ocid.optional(),
    /** Beside id: OCID of the route table of new subnets. */
    routeTableId: ocid.optional(),
  }),
  securityList: z
    .strictObject({
      /** Name of the list to be made. Default internal-hosts. */
      name: z.string().optional(),
      /** Manage the VCN's default list instead. Default false. */
      default: z.boolean().optional(),
      /** Track VXLAN's flows. Default false. */
      stateful: z.boolean().optional(),
      /** OCIDs of further lists for new subnets. */
      additionalIds: z.array(ocid).optional(),
      ingress: z.array(securityRule).optional(),
      egress: z.array(securityRule).optional(),
    })
    .optional(),
  /** Who may reach SSH. */
  operatorCidrs: z.array(z.string()),
  /** By name: a CIDR to be made, or the OCID of one that exists. */
  subnets: z.record(z.string(), z.strictObject({ cidr: z.string().optional(), id: ocid.optional() })),
});

export const instance = z.strictObject({
  /** Name of the subnet. Default: the only one. */
  subnet: z.string().optional(),
  /** Address on the underlay. Default: Oracle's choice. */
  privateIp: z.string().optional(),
  /** Default true. */
  publicIp: z.boolean().optional(),
  /** Name, or the end of one such as AD-2. Default: the first. */
  availabilityDomain: z.string().optional(),
  /** FAULT-DOMAIN-1 to -3, or any. Default: the fleet is spread. */
  faultDomain: z.string().optional(),
  /** Default VM.Standard.E4.Flex. */
  shape: z.string().optional(),
  /** Default 1, of flexible shapes. */
  ocpus: z.number().optional(),
  /** Default 4 an OCPU, of flexible shapes. */
  memoryInGBs: z.number().optional(),
  /** Pinned by OCID, or looked up by name once. Default: Canonical Ubuntu 24.04. */
  image: z
    .strictObject({
      id: ocid.optional(),
      operatingSystem: z.string().min(1).optional(),
      version: z.string().min(1).optional(),
    })
    .optional(),
  /** Seconds. Default 300. */
  bootTimeout: z.number().optional(),
});

export const tags = z.record(z.string(), z.string());
