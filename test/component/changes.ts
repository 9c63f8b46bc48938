import { generateKeyPair } from "../sshKeyPair.ts";
import { AD2, COMPARTMENT, LOGIN_KEY } from "./environment.ts";

/** The changes of an environment that docs/lifecycle.md lists. */

/** One change: what a user edits, and what a test has shown of the traffic. */
export interface Change {
  title: string;
  edit: (environment: any) => void;
  /** Whether devices are created again, or machines restart or are new, so that traffic of their hosts pauses. */
  pauses?: true;
  /** The lifecycle test that makes this change and sees traffic pass at its end. */
  test?: string;
  /** Whether that test pings meanwhile, and loses nothing. */
  losesNothing?: true;
}

const hostKey = generateKeyPair().public.trim();
const otherKeys = generateKeyPair();

/** Hosts a and b are instances, host c exists. */
export const environmentBefore = () => ({
  compartmentId: COMPARTMENT,
  network: {
    vcn: { cidr: "10.20.0.0/16" },
    operatorCidrs: ["198.51.100.10/32"],
    subnets: { hosts: { cidr: "10.20.1.0/24" }, other: { cidr: "10.20.2.0/24" } },
  },
  overlay: { cidrs: ["192.168.0.0/24"] },
  ssh: { privateKey: LOGIN_KEY },
  hosts: {
    a: { overlayAddresses: ["192.168.0.1"], instance: { subnet: "hosts" } },
    b: { overlayAddresses: ["192.168.0.2"], instance: { subnet: "hosts" } },
    c: {
      overlayAddresses: ["192.168.0.3"],
      existing: { underlayAddress: "10.9.0.3", sshAddress: "203.0.113.3", hostKey },
    },
  },
});

const otherMachine = (hostNumber: number) => ({
  underlayAddress: `10.9.0.${hostNumber}`,
  sshAddress: `203.0.113.${hostNumber}`,
  hostKey: otherKeys.public.trim(),
});
const jumpHost = { address: "203.0.113.99", hostKey: otherKeys.public.trim() };

function rename(hosts: any, from: string, to: string): void {
  hosts[to] = hosts[from];
  delete hosts[from];
}

/** Another network, in which each host keeps the end of its address. */
function renumber(environment: any, cidr: string, prefix: string): void {
  environment.overlay.cidrs = [cidr];
  Object.values<any>(environment.hosts).forEach((host, index) => {
    host.overlayAddresses = [`${prefix}${index + 1}`];
  });
}

/** By the section of the page that has their table. */
export const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  Hosts: [
    {
      title: "add instance d",
      edit: ({ hosts }) => (hosts.d = { overlayAddresses: ["192.168.0.4"], instance: { subnet: "hosts" } }),
      test: "provisionedHosts",
    },
    {
      title: "add existing host d",
      edit: ({ hosts }) => (hosts.d = { overlayAddresses: ["192.168.0.4"], existing: otherMachine(4) }),
      test: "mixedHosts",
    },
    { title: "remove instance b", edit: ({ hosts }) => delete hosts.b, test: "mixedHosts" },
    { title: "remove existing host c", edit: ({ hosts }) => delete hosts.c, test: "mixedHosts" },
    { title: "rename instance b to d", edit: ({ hosts }) => rename(hosts, "b", "d"), pauses: true },
    {
      title: "rename existing host c to d",
      edit: ({ hosts }) => rename(hosts, "c", "d"),
      test: "renames",
    },
    {
      title: "c is another machine",
      edit: ({ hosts }) => (hosts.c.existing = otherMachine(9)),
      pauses: true,
      test: "machineChange",
    },
    {
      title: "c re-imaged: new host key",
      edit: ({ hosts }) => (hosts.c.existing.hostKey = otherKeys.public.trim()),
      pauses: true,
      test: "machineChange",
    },
    {
      title: "`existing` c becomes `instance`",
      edit: ({ hosts }) => {
        delete hosts.c.existing;
        hosts.c.instance = { subnet: "hosts" };
      },
      pauses: true,
      test: "machineChange",
    },
    {
      title: "`instance` b becomes `existing`",
      edit: ({ hosts }) => {
        delete hosts.b.instance;
        hosts.b.existing = otherMachine(9);
      },
      pauses: true,
      test: "machineChange",
    },
    { title: "`generation` of a", edit: ({ hosts }) => (hosts.a.generation = 1), test: "existingHosts" },
    { title: "`overlayAddresses` of a", edit: ({ hosts }) => (hosts.a.overlayAddresses = ["192.168.0.9"]) },
    {
      title: "`underlayAddress` of c",
      edit: ({ hosts }) => (hosts.c.existing.underlayAddress = "10.9.0.33"),
      pauses: true,
      test: "machineChange",
    },
    { title: "`sshAddress` of c", edit: ({ hosts }) => (hosts.c.existing.sshAddress = "203.0.113.33") },
    { title: "`user` of c", edit: ({ hosts }) => (hosts.c.existing.user = "admin") },
    { title: "`port` of c's sshd", edit: ({ hosts }) => (hosts.c.existing.port = 2222) },
    { title: "`proxy` of c", edit: ({ hosts }) => (hosts.c.existing.proxy = jumpHost) },
    { title: "`down` of a", edit: ({ hosts }) => (hosts.a.down = true), test: "connectivity" },
  ],
  "Instance a": [
    {
      title: "`availabilityDomain`",
      edit: ({ hosts }) => (hosts.a.instance.availabilityDomain = AD2),
      pauses: true,
      test: "provisionedHosts",
    },
    { title: "`subnet`", edit: ({ hosts }) => (hosts.a.instance.subnet = "other"), pauses: true },
    { title: "`privateIp`", edit: ({ hosts }) => (hosts.a.instance.privateIp = "10.20.1.99"), pauses: true },
    { title: "`publicIp`", edit: ({ hosts }) => (hosts.a.instance.publicIp = false) },
    { title: "`faultDomain`", edit: ({ hosts }) => (hosts.a.instance.faultDomain = "FAULT-DOMAIN-3") },
    {
      title: "`shape`",
      edit: ({ hosts }) => (hosts.a.instance.shape = "VM.Standard.E5.Flex"),
      pauses: true,
    },
    {
      title: "`ocpus`, `memoryInGBs`",
      edit: ({ hosts }) => (hosts.a.instance = { ...hosts.a.instance, ocpus: 2, memoryInGBs: 16 }),
      pauses: true,
    },
    {
      title: "`image.id`",
      edit: ({ hosts }) => (hosts.a.instance.image = { id: "ocid1.image.oc1.eu-frankfurt-1.other" }),
      pauses: true,
      test: "provisionedHosts",
    },
    {
      title: "`image` by name",
      edit: ({ hosts }) => (hosts.a.instance.image = { operatingSystem: "Oracle Linux" }),
    },
    { title: "`legacyMetadata`", edit: ({ hosts }) => (hosts.a.instance.legacyMetadata = true) },
    {
      title: "`bootTimeout`",
      edit: ({ hosts }) => (hosts.a.instance.bootTimeout = 60),
      test: "provisionedHosts",
    },
    { title: "`waitForCapacity`", edit: ({ hosts }) => (hosts.a.instance.waitForCapacity = 30) },
  ],
  "The overlay": [
    { title: "`cidrs`", edit: (e) => renumber(e, "192.168.7.0/24", "192.168.7.") },
    { title: "`cidrs`, another netmask", edit: (e) => (e.overlay.cidrs = ["192.168.0.0/23"]) },
    { title: "`cidrs`, IPv6 for IPv4", edit: (e) => renumber(e, "fd00:77::/64", "fd00:77::") },
    { title: "`vni`", edit: (e) => (e.overlay.vni = 101), pauses: true, test: "existingHosts" },
    { title: "`port`", edit: (e) => (e.overlay.port = 8472), pauses: true, test: "existingHosts" },
    { title: "`device`", edit: (e) => (e.overlay.device = "vxlan7"), pauses: true, test: "existingHosts" },
    { title: "`mtu`", edit: (e) => (e.overlay.mtu = 1400), test: "existingHosts" },
    { title: "`flood`", edit: (e) => (e.overlay.flood = false) },
    { title: "`overlayIngress`", edit: (e) => (e.overlay.overlayIngress = "none"), test: "connectivity" },
    { title: "`hostFirewall`", edit: (e) => (e.overlay.hostFirewall = "leave") },
    { title: "`checksumOffload`", edit: (e) => (e.overlay.checksumOffload = "off"), test: "checksumOffload" },
    { title: "`pathProbes`", edit: (e) => (e.overlay.pathProbes = false) },
    { title: "`confirmTimeout`", edit: (e) => (e.overlay.confirmTimeout = 300) },
    { title: "`verify`", edit: (e) => (e.overlay.verify = false) },
    { title: "`verifyPort`", edit: (e) => (e.overlay.verifyPort = 2222) },
  ],
  "The network": [
    { title: "`operatorCidrs`", edit: ({ network }) => network.operatorCidrs.push("198.51.100.11/32") },
    { title: "list's `name`", edit: ({ network }) => (network.securityList = { name: "hosts" }) },
    {
      title: "list's `stateful`",
      edit: ({ network }) => (network.securityList = { stateful: true }),
      test: "provisionedHosts",
    },
    {
      title: "list's `ingress`",
      edit: ({ network }) =>
        (network.securityList = { ingress: [{ protocol: "tcp", cidr: "198.51.100.0/24", minPort: 443 }] }),
    },
    {
      title: "list's `default`",
      edit: ({ network }) => (network.securityList = { default: true }),
      test: "provisionedHosts",
    },
    {
      title: "list's `additionalIds`",
      edit: ({ network }) =>
        (network.securityList = { additionalIds: ["ocid1.securitylist.oc1.eu-frankfurt-1.more"] }),
    },
    {
      title: "`securityGroup`",
      edit: ({ network }) => (network.securityGroup = true),
      test: "existingNetwork",
      losesNothing: true,
    },
    { title: "another subnet", edit: ({ network }) => (network.subnets.more = { cidr: "10.20.3.0/24" }) },
    { title: "`cidr` of a's subnet", edit: ({ network }) => (network.subnets.hosts.cidr = "10.20.0.0/23") },
    {
      title: "`private` of a's subnet",
      // The new subnet is created before the old one goes.
      edit: ({ network }) => (network.subnets.hosts = { cidr: "10.20.3.0/24", private: true }),
      pauses: true,
      test: "privateHosts",
    },
    { title: "`vcn.cidr`", edit: ({ network }) => (network.vcn.cidr = "10.20.0.0/17") },
    { title: "`tags`", edit: (e) => (e.tags = { team: "network" }) },
    { title: "`compartmentId`", edit: (e) => (e.compartmentId = "ocid1.compartment.oc1..bbbb") },
  ],
  SSH: [
    { title: "`ssh.user`", edit: ({ ssh }) => (ssh.user = "admin") },
    {
      title: "the login key, old one beside it",
      edit: (e) => (e.ssh = { privateKey: otherKeys.private, oldPrivateKey: LOGIN_KEY }),
      test: "loginKey",
      losesNothing: true,
    },
    { title: "the login key alone", edit: ({ ssh }) => (ssh.privateKey = otherKeys.private) },
    {
      title: "`ssh.agent` for the key",
      edit: (e) => (e.ssh = { agent: true, publicKey: otherKeys.public.trim() }),
    },
    { title: "`ssh.proxy`", edit: ({ ssh }) => (ssh.proxy = jumpHost) },
    { title: "`ssh.via: a`", edit: ({ ssh }) => (ssh.via = "a") },
  ],
};
