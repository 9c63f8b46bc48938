/** The changes of an environment that docs/lifecycle.md lists, and that test/lifecycle/changes*.test.ts make. */

/** One change: the edit of the user, and its effect on the traffic as a test has shown it. */
export interface Change {
  title: string;
  edit: (environment: any, site: Site) => void;
  /**
   * Seconds for which the overlay stopped on a touched host at most: the device is created again, or the machine restarts
   * or is another one. Undefined: no echo is lost.
   */
  pause?: number;
  /** Whether all overlay addresses change, so that no echo goes to the same one before and after. */
  renumbers?: true;
  /** Another lifecycle test that makes this change and sees traffic pass at its end. */
  testedBy?: string;
  /** Whether that test pings meanwhile, and loses nothing. */
  losesNothing?: true;
}

/** The names that a change uses, as the mocks or the lab's cloud have them. */
export interface Site {
  compartmentId: string;
  otherCompartmentId: string;
  secondDomain: string;
  otherImageId: string;
  otherListId: string;
  /** `ssh` with its login key: the first one, the one that replaces it, both, and one in an agent. */
  ssh: Readonly<Record<"before" | "after" | "both" | "agent", object>>;
  /** `existing` of a machine at underlay address 10.9.0.N. */
  machine: (number: 3 | 4 | 9) => object;
  /** `hostKey` of a machine, or the path of its file. */
  otherHostKey: object;
  /** Another address of machine 3, at which SSH reaches it. */
  secondSshAddress: string;
  /** `proxy`. */
  jumpHost: object;
}

/** Hosts a and b are instances, host c exists. */
export const environmentBefore = (site: Site) => ({
  compartmentId: site.compartmentId,
  network: {
    vcn: { cidr: "10.20.0.0/16" },
    operatorCidrs: ["198.51.100.10/32"],
    subnets: { hosts: { cidr: "10.20.1.0/24" }, other: { cidr: "10.20.2.0/24" } },
  },
  overlay: { cidrs: ["192.168.0.0/24"] },
  ssh: { ...site.ssh.before },
  hosts: {
    a: { overlayAddresses: ["192.168.0.1"], instance: { subnet: "hosts" } },
    b: { overlayAddresses: ["192.168.0.2"], instance: { subnet: "hosts" } },
    c: { overlayAddresses: ["192.168.0.3"], existing: site.machine(3) },
  },
});

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

/** The lifecycle test that makes the changes of a section, and pings meanwhile. */
export const measuringTest = (section: string) =>
  section === "Hosts" || section === "Instance a" ? "changesOfHosts" : "changesOfSettings";

/** By the section of the page that has their table. */
export const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  Hosts: [
    {
      title: "add instance d",
      edit: ({ hosts }) => (hosts.d = { overlayAddresses: ["192.168.0.4"], instance: { subnet: "hosts" } }),
    },
    {
      title: "add existing host d",
      edit: ({ hosts }, { machine }) =>
        (hosts.d = { overlayAddresses: ["192.168.0.4"], existing: machine(4) }),
    },
    { title: "remove instance b", edit: ({ hosts }) => delete hosts.b },
    { title: "remove existing host c", edit: ({ hosts }) => delete hosts.c },
    { title: "rename instance b to d", edit: ({ hosts }) => rename(hosts, "b", "d"), pause: 0.5 },
    { title: "rename existing host c to d", edit: ({ hosts }) => rename(hosts, "c", "d") },
    {
      title: "c is another machine",
      edit: ({ hosts }, { machine }) => (hosts.c.existing = machine(9)),
      pause: 8.4,
    },
    {
      title: "c re-imaged: new host key",
      edit: ({ hosts }, { otherHostKey }) => Object.assign(hosts.c.existing, otherHostKey),
      testedBy: "machineChange",
    },
    {
      title: "`existing` c becomes `instance`",
      edit: ({ hosts }) => {
        delete hosts.c.existing;
        hosts.c.instance = { subnet: "hosts" };
      },
      pause: 14,
    },
    {
      title: "`instance` b becomes `existing`",
      edit: ({ hosts }, { machine }) => {
        delete hosts.b.instance;
        hosts.b.existing = machine(9);
      },
      pause: 14,
    },
    { title: "`generation` of a", edit: ({ hosts }) => (hosts.a.generation = 1) },
    { title: "`overlayAddresses` of a", edit: ({ hosts }) => (hosts.a.overlayAddresses = ["192.168.0.9"]) },
    {
      title: "a and b swap `overlayAddresses`",
      edit: ({ hosts: { a, b } }) =>
        ([a.overlayAddresses, b.overlayAddresses] = [b.overlayAddresses, a.overlayAddresses]),
      pause: 5.3,
    },
    {
      title: "`underlayAddress` of c",
      edit: ({ hosts }) => (hosts.c.existing.underlayAddress = "10.9.0.33"),
      testedBy: "machineChange",
    },
    {
      title: "`sshAddress` of c",
      edit: ({ hosts }, { secondSshAddress }) => (hosts.c.existing.sshAddress = secondSshAddress),
    },
    { title: "`user` of c", edit: ({ hosts }) => (hosts.c.existing.user = "admin") },
    { title: "`port` of c's sshd", edit: ({ hosts }) => (hosts.c.existing.port = 2222) },
    { title: "`proxy` of c", edit: ({ hosts }, { jumpHost }) => (hosts.c.existing.proxy = jumpHost) },
    { title: "`down` of a", edit: ({ hosts }) => (hosts.a.down = true) },
  ],
  "Instance a": [
    {
      title: "`availabilityDomain`",
      edit: ({ hosts }, { secondDomain }) => (hosts.a.instance.availabilityDomain = secondDomain),
      pause: 6.7,
    },
    { title: "`subnet`", edit: ({ hosts }) => (hosts.a.instance.subnet = "other"), pause: 7.9 },
    { title: "`privateIp`", edit: ({ hosts }) => (hosts.a.instance.privateIp = "10.20.1.99"), pause: 9.1 },
    { title: "`publicIp`", edit: ({ hosts }) => (hosts.a.instance.publicIp = false) },
    {
      title: "`faultDomain`",
      edit: ({ hosts }) => (hosts.a.instance.faultDomain = "FAULT-DOMAIN-3"),
      pause: 1.2,
    },
    {
      title: "`shape`",
      edit: ({ hosts }) => (hosts.a.instance.shape = "VM.Standard.E3.Flex"),
      pause: 3.4,
    },
    {
      title: "`ocpus`, `memoryInGBs`",
      edit: ({ hosts }) => (hosts.a.instance = { ...hosts.a.instance, ocpus: 2, memoryInGBs: 16 }),
      pause: 1.2,
    },
    {
      title: "`image.id`",
      edit: ({ hosts }, { otherImageId }) => (hosts.a.instance.image = { id: otherImageId }),
      pause: 12.5,
    },
    {
      title: "`image` by name",
      edit: ({ hosts }) => (hosts.a.instance.image = { operatingSystem: "Oracle Linux" }),
    },
    { title: "`legacyMetadata`", edit: ({ hosts }) => (hosts.a.instance.legacyMetadata = true) },
    { title: "`bootTimeout`", edit: ({ hosts }) => (hosts.a.instance.bootTimeout = 60) },
    { title: "`waitForCapacity`", edit: ({ hosts }) => (hosts.a.instance.waitForCapacity = 30) },
  ],
  "The overlay": [
    { title: "`cidrs`", edit: (e) => renumber(e, "192.168.7.0/24", "192.168.7."), renumbers: true },
    { title: "`cidrs`, another netmask", edit: (e) => (e.overlay.cidrs = ["192.168.0.0/23"]) },
    {
      title: "`cidrs`, IPv6 for IPv4",
      edit: (e) => renumber(e, "fd00:77::/64", "fd00:77::"),
      renumbers: true,
    },
    { title: "`vni`", edit: (e) => (e.overlay.vni = 101), pause: 5.2 },
    { title: "`port`", edit: (e) => (e.overlay.port = 8472), pause: 4.8 },
    { title: "`device`", edit: (e) => (e.overlay.device = "vxlan7"), pause: 1.6 },
    { title: "`mtu`", edit: (e) => (e.overlay.mtu = 1400) },
    { title: "`flood`", edit: (e) => (e.overlay.flood = false) },
    { title: "`overlayIngress`", edit: (e) => (e.overlay.overlayIngress = "none") },
    { title: "`hostFirewall`", edit: (e) => (e.overlay.hostFirewall = "leave") },
    { title: "`checksumOffload`", edit: (e) => (e.overlay.checksumOffload = "off") },
    { title: "`pathProbes`", edit: (e) => (e.overlay.pathProbes = false) },
    { title: "`confirmTimeout`", edit: (e) => (e.overlay.confirmTimeout = 300) },
    { title: "`verify`", edit: (e) => (e.overlay.verify = false) },
    { title: "`verifyPort`", edit: (e) => (e.overlay.verifyPort = 2222) },
  ],
  "The network": [
    { title: "`operatorCidrs`", edit: ({ network }) => network.operatorCidrs.push("198.51.100.11/32") },
    { title: "list's `name`", edit: ({ network }) => (network.securityList = { name: "hosts" }) },
    { title: "list's `stateful`", edit: ({ network }) => (network.securityList = { stateful: true }) },
    {
      title: "list's `ingress`",
      edit: ({ network }) =>
        (network.securityList = { ingress: [{ protocol: "tcp", cidr: "198.51.100.0/24", minPort: 443 }] }),
    },
    { title: "list's `default`", edit: ({ network }) => (network.securityList = { default: true }) },
    {
      title: "list's `additionalIds`",
      edit: ({ network }, { otherListId }) => (network.securityList = { additionalIds: [otherListId] }),
    },
    {
      title: "`securityGroup`",
      edit: ({ network }) => (network.securityGroup = true),
      testedBy: "existingNetwork",
      losesNothing: true,
    },
    { title: "another subnet", edit: ({ network }) => (network.subnets.more = { cidr: "10.20.3.0/24" }) },
    { title: "`cidr` of a's subnet", edit: ({ network }) => (network.subnets.hosts.cidr = "10.20.0.0/23") },
    {
      title: "`private` of a's subnet",
      // The new subnet is created before the old one goes.
      edit: ({ network }) => (network.subnets.hosts = { cidr: "10.20.3.0/24", private: true }),
      pause: 9.5,
    },
    { title: "`vcn.cidr`", edit: ({ network }) => (network.vcn.cidr = "10.20.0.0/17") },
    { title: "`tags`", edit: (e) => (e.tags = { team: "network" }) },
    {
      title: "`compartmentId`",
      edit: (e, { otherCompartmentId }) => (e.compartmentId = otherCompartmentId),
    },
  ],
  SSH: [
    { title: "`ssh.user`", edit: ({ ssh }) => (ssh.user = "admin") },
    {
      title: "the login key, old one beside it",
      edit: (e, { ssh }) => (e.ssh = { ...ssh.both }),
      testedBy: "loginKey",
      losesNothing: true,
    },
    { title: "the login key alone", edit: (e, { ssh }) => (e.ssh = { ...ssh.after }) },
    { title: "`ssh.agent` for the key", edit: (e, { ssh }) => (e.ssh = { ...ssh.agent }) },
    { title: "`ssh.proxy`", edit: ({ ssh }, { jumpHost }) => (ssh.proxy = jumpHost) },
    { title: "`ssh.via: a`", edit: ({ ssh }) => (ssh.via = "a") },
  ],
};
