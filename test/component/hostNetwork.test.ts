import { describe, expect, test } from "vitest";
import {
  COMPARTMENT,
  HOST_KEY,
  build,
  buildRefused,
  resourceNamed,
  referenceEnvironment,
  rules,
} from "./environment.ts";
import { unwrap } from "./engineMocks.ts";
import type { RegisteredResource } from "./engineMocks.ts";

/** The choices about the network of an environment. */

describe("the shared Security List", () => {
  test("may have another name, track VXLAN, and have further lists and rules beside", async () => {
    const resources = await build(
      referenceEnvironment((args) => {
        args.network.securityList = {
          name: "fleet",
          stateful: true,
          additionalIds: ["ocid1.securitylist.oc1.eu-frankfurt-1.mine"],
          ingress: [{ protocol: "tcp", cidr: "0.0.0.0/0", minPort: 443, description: "web" }],
          egress: [{ protocol: "udp", cidr: "10.0.0.0/8", minPort: 53, maxPort: 54, stateless: true }],
        };
      }),
    );
    expect(resourceNamed(resources, "lab-network-security-list").inputs["displayName"]).toBe("fleet");
    const { ingress, egress } = rules(resources);
    expect(ingress.filter(({ protocol }) => protocol === "17").map(({ stateless }) => stateless)).toEqual([
      false,
      false,
    ]);
    expect(egress.filter(({ protocol, stateless }) => protocol === "17" && !stateless)).toEqual([]);
    expect(ingress.at(-1)).toEqual({
      protocol: "6",
      source: "0.0.0.0/0",
      stateless: false,
      description: "web",
      tcpOptions: { min: 443, max: 443 },
    });
    expect(egress.at(-1)).toEqual({
      protocol: "17",
      destination: "10.0.0.0/8",
      stateless: true,
      udpOptions: { min: 53, max: 54 },
    });
    expect(resourceNamed(resources, "lab-network-host01-subnet").inputs["securityListIds"]).toEqual([
      "lab-network-security-list-id",
      "ocid1.securitylist.oc1.eu-frankfurt-1.mine",
    ]);
  });

  test("may be the VCN's default one", async () => {
    const resources = await build(
      referenceEnvironment((args) => (args.network.securityList = { default: true })),
    );
    const list = resourceNamed(resources, "lab-network-security-list");
    expect(list.type).toBe("oci:Core/defaultSecurityList:DefaultSecurityList");
    expect(list.inputs).toMatchObject({
      manageDefaultResourceId: "ocid1.securitylist.oc1.eu-frankfurt-1.default",
      compartmentId: COMPARTMENT,
    });
    expect(rules(resources).ingress).toHaveLength(6);
    expect(resourceNamed(resources, "lab-network-host01-subnet").inputs["securityListIds"]).toEqual([
      "lab-network-security-list-id",
    ]);
  });

  test("follows the overlay's port and the login's", async () => {
    const resources = await build(
      referenceEnvironment((args) => {
        args.overlay.port = 8472;
        args.ssh.port = 2222;
        for (const { instance } of Object.values<any>(args.hosts))
          instance.image = { id: "ocid1.image.oc1.eu-frankfurt-1.listens" };
      }),
    );
    const { ingress } = rules(resources);
    expect(ingress[0].udpOptions).toEqual({ min: 8472, max: 8472 });
    expect(ingress[2].tcpOptions).toEqual({ min: 2222, max: 2222 });
    expect(unwrap(resourceNamed(resources, "lab-host01-ready").inputs["connection"]).port).toBe(2222);
  });
});

describe("a Network Security Group", () => {
  const GROUP_ID = "lab-network-security-group-id";
  const RULE = "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule";
  const VCN = "ocid1.vcn.oc1.eu-frankfurt-1.mine";
  const SUBNET = "ocid1.subnet.oc1.eu-frankfurt-1.mine";
  const inExistingSubnet = (change: (args: any) => void = () => undefined) =>
    referenceEnvironment((args) => {
      args.network.vcn = { id: VCN };
      args.network.subnets = { all: { id: SUBNET } };
      args.network.securityGroup = true;
      for (const host of Object.values<any>(args.hosts)) host.instance = {};
      change(args);
    });
  const groupRules = (resources: readonly RegisteredResource[]) =>
    Object.fromEntries(
      resources
        .filter(({ type }) => type === RULE)
        .map(({ name, inputs }) => [name.replace("lab-network-", ""), inputs]),
    );
  const vnicGroups = (resources: readonly RegisteredResource[], host = "host01") =>
    resourceNamed(resources, `lab-${host}-instance`).inputs["createVnicDetails"].nsgIds;

  test("has the rules of hosts in a subnet that exists, and no list is made", async () => {
    const resources = await build(inExistingSubnet());
    expect(resourceNamed(resources, "lab-network-security-group").inputs).toMatchObject({
      compartmentId: COMPARTMENT,
      vcnId: VCN,
      displayName: "internal-hosts",
    });
    const ofGroup = {
      networkSecurityGroupId: GROUP_ID,
      protocol: "17",
      stateless: true,
      udpOptions: { destinationPortRange: { min: 4789, max: 4789 } },
    };
    expect(groupRules(resources)).toEqual({
      "ingress-udp-4789-stateless-from-group": {
        ...ofGroup,
        direction: "INGRESS",
        source: GROUP_ID,
        sourceType: "NETWORK_SECURITY_GROUP",
        description: "VXLAN from members of the overlay",
      },
      "egress-udp-4789-stateless-to-group": {
        ...ofGroup,
        direction: "EGRESS",
        destination: GROUP_ID,
        destinationType: "NETWORK_SECURITY_GROUP",
        description: "VXLAN to members of the overlay",
      },
      "ingress-tcp-22-from-198.51.100.10-32": expect.objectContaining({
        source: "198.51.100.10/32",
        sourceType: "CIDR_BLOCK",
        stateless: false,
        tcpOptions: { destinationPortRange: { min: 22, max: 22 } },
      }),
      "ingress-icmp-3-4-from-0.0.0.0-0": expect.objectContaining({ icmpOptions: { type: 3, code: 4 } }),
      "ingress-icmp-8-from-group": expect.objectContaining({
        source: GROUP_ID,
        sourceType: "NETWORK_SECURITY_GROUP",
        stateless: false,
        icmpOptions: { type: 8 },
      }),
      "egress-all-to-0.0.0.0-0": expect.objectContaining({ direction: "EGRESS", protocol: "all" }),
    });
    expect([vnicGroups(resources), vnicGroups(resources, "host02")]).toEqual([[GROUP_ID], [GROUP_ID]]);
    expect(resources.map(({ name }) => name)).not.toContain("lab-network-security-list");
  });

  test("has its rules before a host joins it, and keeps them where it cannot be deleted", async () => {
    const resources = await build(inExistingSubnet());
    const isRule = (urn: string) => urn.includes("NetworkSecurityGroupSecurityRule");
    expect(resourceNamed(resources, "lab-host01", "OverlayHost").dependencies.filter(isRule)).toHaveLength(6);
    for (const { deletedWith } of resources.filter(({ type }) => type === RULE))
      expect(deletedWith).toContain("lab-network-security-group");
  });

  test("admits existing hosts, the jump host, and what the list's rules say", async () => {
    const resources = await build(
      inExistingSubnet((args) => {
        args.network.securityList = {
          name: "members",
          stateful: true,
          ingress: [{ protocol: "tcp", cidr: "10.0.0.0/8", minPort: 8000, maxPort: 8010 }],
        };
        args.hosts.host03 = {
          overlayAddresses: ["192.168.0.9"],
          existing: { underlayAddress: "172.16.0.9", hostKey: HOST_KEY.publicKey },
        };
        args.ssh.via = "host01";
      }),
    );
    expect(resourceNamed(resources, "lab-network-security-group").inputs["displayName"]).toBe("members");
    expect(Object.keys(groupRules(resources)).sort()).toEqual([
      "egress-all-to-0.0.0.0-0",
      "ingress-icmp-3-4-from-0.0.0.0-0",
      "ingress-icmp-8-from-group",
      "ingress-tcp-22-from-198.51.100.10-32",
      "ingress-tcp-22-from-group",
      "ingress-tcp-8000-8010-from-10.0.0.0-8",
      "ingress-udp-4789-from-172.16.0.9-32",
      "ingress-udp-4789-from-group",
    ]);
  });

  test.each<[unknown, unknown, number]>([
    [undefined, undefined, 6],
    [false, [], 6],
    [true, [GROUP_ID], 6],
    ["only", [GROUP_ID], 0],
  ])(
    "%s: the groups of hosts in new subnets are %j, and the list has %i rules",
    async (value, ids, count) => {
      const resources = await build(referenceEnvironment((args) => (args.network.securityGroup = value)));
      expect(vnicGroups(resources)).toEqual(ids);
      expect(rules(resources).ingress).toHaveLength(count);
      expect(resourceNamed(resources, "lab-network-host01-subnet").inputs["securityListIds"]).toEqual([
        "lab-network-security-list-id",
      ]);
    },
  );

  test("of another VCN than a host's subnet is refused before anything is registered", async () => {
    const { message, resources } = await buildRefused(
      inExistingSubnet((args) => (args.network.subnets.all.id = `${SUBNET}.elsewhere`)),
    );
    expect(message).toContain(
      "network.subnets.all.id: this subnet is in ocid1.vcn.oc1.eu-frankfurt-1.other, and a Network Security Group holds",
    );
    expect(resources.map(({ type }) => type).filter((type) => !type.startsWith("oci-vxlan:"))).toEqual([]);
  });
});

describe("a private subnet", () => {
  const buildMixedNetwork = (change: (args: any) => void = () => undefined) =>
    build(
      referenceEnvironment((args) => {
        args.network.subnets.host02.private = true;
        change(args);
      }),
    );

  test("has a default route to a NAT gateway, and routes to Oracle's services by a service gateway", async () => {
    const resources = await buildMixedNetwork();
    expect(resourceNamed(resources, "lab-network-nat-gateway").inputs).toMatchObject({
      compartmentId: COMPARTMENT,
      vcnId: "lab-network-vcn-id",
    });
    expect(resourceNamed(resources, "lab-network-service-gateway").inputs["services"]).toEqual([
      { serviceId: "ocid1.service.oc1.eu-frankfurt-1.all" },
    ]);
    expect(resourceNamed(resources, "lab-network-private-routes").inputs["routeRules"]).toEqual([
      {
        destination: "0.0.0.0/0",
        destinationType: "CIDR_BLOCK",
        networkEntityId: "lab-network-nat-gateway-id",
      },
      {
        destination: "all-fra-services-in-oracle-services-network",
        destinationType: "SERVICE_CIDR_BLOCK",
        networkEntityId: "lab-network-service-gateway-id",
      },
    ]);
    expect(resourceNamed(resources, "lab-network-host02-subnet").inputs).toMatchObject({
      routeTableId: "lab-network-private-routes-id",
      prohibitPublicIpOnVnic: true,
    });
    const neighbour = resourceNamed(resources, "lab-network-host01-subnet");
    expect(neighbour.inputs["routeTableId"]).toBe("lab-network-routes-id");
    expect(neighbour.inputs["prohibitPublicIpOnVnic"]).toBe(false);
  });

  test("has hosts without public addresses, which SSH reaches at their private ones", async () => {
    const resources = await buildMixedNetwork();
    const vnic = (host: string) =>
      resourceNamed(resources, `lab-${host}-instance`).inputs["createVnicDetails"];
    const sshHost = (host: string) =>
      unwrap(resourceNamed(resources, `lab-${host}-device`).inputs["connection"]).host;
    expect([vnic("host01").assignPublicIp, vnic("host02").assignPublicIp]).toEqual(["true", "false"]);
    expect([sshHost("host01"), sshHost("host02")]).toEqual(["203.0.113.1", "10.196.218.226"]);
  });

  test("beside no public one needs no internet gateway", async () => {
    const resources = await buildMixedNetwork((args) => (args.network.subnets.host01.private = true));
    const names = resources.map(({ name }) => name);
    expect(names).not.toContain("lab-network-gateway");
    expect(names).not.toContain("lab-network-routes");
    expect(resourceNamed(resources, "lab-network-host01-subnet").inputs["routeTableId"]).toBe(
      "lab-network-private-routes-id",
    );
  });

  test("in an existing VCN has the routes of that VCN", async () => {
    const resources = await buildMixedNetwork((args) => {
      args.network.vcn = { id: "ocid1.vcn.oc1.eu-frankfurt-1.mine", routeTableId: ROUTES };
    });
    expect(resources.map(({ name }) => name)).not.toContain("lab-network-nat-gateway");
    expect(resourceNamed(resources, "lab-network-host02-subnet").inputs).toMatchObject({
      routeTableId: ROUTES,
      prohibitPublicIpOnVnic: true,
    });
  });
});

const ROUTES = "ocid1.routetable.oc1.eu-frankfurt-1.mine";

describe("an existing network", () => {
  const VCN = "ocid1.vcn.oc1.eu-frankfurt-1.mine";
  const SUBNET = "ocid1.subnet.oc1.eu-frankfurt-1.mine";

  test("new subnets in an existing VCN: its routes stay", async () => {
    const resources = await build(referenceEnvironment((args) => (args.network.vcn = { id: VCN })));
    expect(resources.map(({ type }) => type)).not.toContain("oci:Core/vcn:Vcn");
    expect(resources.map(({ type }) => type)).not.toContain("oci:Core/routeTable:RouteTable");
    const subnet = resourceNamed(resources, "lab-network-host01-subnet").inputs;
    expect(subnet["vcnId"]).toBe(VCN);
    expect(subnet["routeTableId"]).toBeUndefined();
  });

  test("existing subnets keep their lists, and only instances are created", async () => {
    const resources = await build(
      referenceEnvironment((args) => {
        args.network.vcn = { id: VCN };
        args.network.subnets = { all: { id: SUBNET } };
        for (const host of Object.values<any>(args.hosts)) host.instance = {};
      }),
    );
    const types = resources.map(({ type }) => type).filter((type) => type.startsWith("oci:"));
    expect([...new Set(types)]).toEqual(["oci:Core/instance:Instance"]);
    expect(resourceNamed(resources, "lab-host01-instance").inputs["createVnicDetails"].subnetId).toBe(SUBNET);
  });

  test("the default list of an existing VCN may be managed; the CIDRs of existing subnets are looked up", async () => {
    const resources = await build(
      referenceEnvironment((args) => {
        args.network.vcn = { id: VCN };
        args.network.securityList = { default: true };
        args.network.subnets = { all: { id: SUBNET } };
        for (const host of Object.values<any>(args.hosts)) host.instance = {};
      }),
    );
    expect(resourceNamed(resources, "lab-network-security-list").inputs["manageDefaultResourceId"]).toBe(
      "ocid1.securitylist.oc1.eu-frankfurt-1.existing",
    );
    expect(rules(resources).ingress[0].source).toBe("10.9.0.0/24");
  });

  const overlayIn = async (cidr: string, change: (args: any) => void = () => undefined) => {
    const args = referenceEnvironment((value) => {
      value.network.vcn = { id: VCN };
      value.overlay.cidrs = [cidr];
      Object.values<any>(value.hosts).forEach((host, index) => {
        host.overlayAddresses = [cidr.replace(/0\/\d+$/, String(index + 1))];
      });
      change(value);
    });
    return buildRefused(args);
  };

  test("an overlay network that would hide a part of it is refused before anything is registered", async () => {
    const { message, resources } = await overlayIn("10.9.3.0/24");
    expect(message).toMatch(
      /OverlayEnvironment "lab" cannot be built:\n {2}overlay\.cidrs\[0\]: 10\.9\.3\.0\/24 overlaps 10\.9\.0\.0\/16 at network\.vcn\.id: choose an overlay network apart/,
    );
    expect(resources.map(({ type }) => type).filter((type) => !type.startsWith("oci-vxlan:"))).toEqual([]);
  });

  test("the hosts of a refused network that exist already are left alone", async () => {
    const { message, resources } = await overlayIn("10.9.3.0/24", (args) => {
      args.hosts.old = {
        overlayAddresses: ["10.9.3.9"],
        existing: { underlayAddress: "172.16.0.9", hostKey: HOST_KEY.publicKey },
      };
    });
    expect(message).toContain("network.vcn.id");
    expect(resources.map(({ type }) => type).filter((type) => !type.startsWith("oci-vxlan:"))).toEqual([]);
  });

  test("an address outside the existing subnet is refused", async () => {
    const { message } = await overlayIn("192.168.0.0/24", (args) => {
      args.network.subnets = { all: { id: SUBNET } };
      for (const host of Object.values<any>(args.hosts)) host.instance = {};
      args.hosts.host01.instance.privateIp = "10.9.1.5";
    });
    expect(message).toContain(
      "hosts.host01.instance.privateIp: 10.9.1.5 lies outside subnet all, 10.9.0.0/24: use an address from 10.9.0.2 to 10.9.0.254.",
    );
  });

  const inExistingSubnet = (publicIp?: boolean) =>
    referenceEnvironment((args) => {
      args.network.vcn = { id: VCN };
      args.network.subnets = { all: { id: `${SUBNET}.private` } };
      for (const host of Object.values<any>(args.hosts)) host.instance = { publicIp };
    });

  test("a subnet that prohibits public addresses has hosts without them", async () => {
    const resources = await build(inExistingSubnet());
    const { createVnicDetails } = resourceNamed(resources, "lab-host01-instance").inputs;
    expect(createVnicDetails.assignPublicIp).toBe("false");
  });

  test("a public address in a subnet that prohibits them is refused before anything is registered", async () => {
    const { message, resources } = await buildRefused(inExistingSubnet(true));
    expect(message).toContain(
      "hosts.host01.instance.publicIp: true, and subnet all prohibits public addresses: leave publicIp out, or put the host into another subnet.",
    );
    expect(resources.map(({ type }) => type).filter((type) => !type.startsWith("oci-vxlan:"))).toEqual([]);
  });
});
