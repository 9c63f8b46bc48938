import { describe, expect, test } from "vitest";
import { COMPARTMENT, SECOND_COMPARTMENT, SERVICE_HOSTS } from "../../cloud/region.ts";
import { until } from "../../system/commands.ts";
import { useCloud } from "./sdk/useCloud.ts";

/** Requests for networks, which the lab's cloud takes, or refuses as Oracle does. Packets are in cloudNetwork.test.ts. */
describe("the API of the cloud's networks", () => {
  let vcn: any;
  let subnet: any;
  const cloud = useCloud("test-network-api");
  const compute = (method: string, request: object) => cloud.sdk.call("compute", method, request);
  const network = (method: string, request: object) => cloud.sdk.call("network", method, request);
  const compartmentId = COMPARTMENT;

  test("a VCN is PROVISIONING, then AVAILABLE, and has its default resources", async () => {
    vcn = await cloud.make.vcn("10.0.0.0/16", { displayName: "first", dnsLabel: "first" });
    expect(vcn).toMatchObject({ lifecycleState: "PROVISIONING", vcnDomainName: "first.oraclevcn.com" });
    await until("the VCN", 20_000, async () => {
      return (await network("getVcn", { vcnId: vcn.id })).vcn.lifecycleState === "AVAILABLE";
    });
    const { securityList } = await network("getSecurityList", {
      securityListId: vcn.defaultSecurityListId,
    });
    expect(securityList.displayName).toBe("Default Security List for first");
    expect(securityList.ingressSecurityRules.map(({ protocol, source }: any) => [protocol, source])).toEqual([
      ["6", "0.0.0.0/0"],
      ["1", "0.0.0.0/0"],
      ["1", "10.0.0.0/16"],
    ]);
    expect((await network("getRouteTable", { rtId: vcn.defaultRouteTableId })).routeTable.routeRules).toEqual(
      [],
    );
  });

  test("a subnet that names no route table and lists has the VCN's defaults", async () => {
    subnet = await cloud.make.subnet(vcn.id, "10.0.1.0/24", { displayName: "subnet one" });
    expect(subnet).toMatchObject({
      routeTableId: vcn.defaultRouteTableId,
      securityListIds: [vcn.defaultSecurityListId],
      virtualRouterIp: "10.0.1.1",
    });
  });

  const refusedRequests: [
    string,
    string,
    (details: { vcnId: string }) => [string, object],
    number,
    string,
    RegExp,
  ][] = [
    [
      "a CIDR with host bits",
      "VCN",
      () => ["createVcn", vcnOf("10.0.0.1/16")],
      400,
      "InvalidParameter",
      /10\.0\.0\.1\/16/,
    ],
    [
      "a CIDR of three octets",
      "VCN",
      () => ["createVcn", vcnOf("10.0.0/16")],
      400,
      "InvalidParameter",
      /10\.0\.0\/16/,
    ],
    [
      "a /15",
      "VCN",
      () => ["createVcn", vcnOf("10.0.0.0/15")],
      400,
      "InvalidParameter",
      /between \/16 and \/30/,
    ],
    [
      "a /31",
      "subnet",
      ({ vcnId }) => ["createSubnet", subnetOf(vcnId, "10.0.9.0/31")],
      400,
      "InvalidParameter",
      /\/30/,
    ],
    [
      "a block outside the VCN",
      "subnet",
      ({ vcnId }) => ["createSubnet", subnetOf(vcnId, "10.1.0.0/24")],
      400,
      "InvalidParameter",
      /not within/,
    ],
    [
      "a block that overlaps another",
      "subnet",
      ({ vcnId }) => ["createSubnet", subnetOf(vcnId, "10.0.1.128/25")],
      400,
      "InvalidParameter",
      /overlaps 10\.0\.1\.0\/24/,
    ],
    [
      "a VCN that does not exist",
      "subnet",
      () => ["createSubnet", subnetOf("ocid1.vcn.none", "10.0.9.0/24")],
      404,
      "NotAuthorizedOrNotFound",
      /ocid1\.vcn\.none/,
    ],
    [
      "six security lists",
      "subnet",
      ({ vcnId }) => [
        "createSubnet",
        subnetOf(vcnId, "10.0.9.0/24", { securityListIds: [1, 2, 3, 4, 5, 6].map(String) }),
      ],
      400,
      "LimitExceeded",
      /at most 5/,
    ],
    [
      "an unknown protocol",
      "security list",
      ({ vcnId }) => ["createSecurityList", listOf(vcnId, { protocol: "udp" })],
      400,
      "InvalidParameter",
      /protocol udp/,
    ],
    [
      "TCP ports for UDP",
      "security list",
      ({ vcnId }) => [
        "createSecurityList",
        listOf(vcnId, { protocol: "17", tcpOptions: { destinationPortRange: { min: 1, max: 2 } } }),
      ],
      400,
      "InvalidParameter",
      /tcpOptions/,
    ],
    [
      "a reversed port range",
      "security list",
      ({ vcnId }) => [
        "createSecurityList",
        listOf(vcnId, { protocol: "17", udpOptions: { destinationPortRange: { min: 9, max: 2 } } }),
      ],
      400,
      "InvalidParameter",
      /9-2/,
    ],
    [
      "a source with host bits",
      "security list",
      ({ vcnId }) => ["createSecurityList", listOf(vcnId, { protocol: "all", source: "10.0.0.7/24" })],
      400,
      "InvalidParameter",
      /10\.0\.0\.7\/24/,
    ],
  ];
  const vcnOf = (cidr: string) => ({ createVcnDetails: { compartmentId, cidrBlocks: [cidr] } });
  const subnetOf = (vcnId: string, cidrBlock: string, more: object = {}) => ({
    createSubnetDetails: { compartmentId, vcnId, cidrBlock, ...more },
  });
  const listOf = (vcnId: string, rule: object) => ({
    createSecurityListDetails: {
      compartmentId,
      vcnId,
      ingressSecurityRules: [{ source: "10.0.0.0/16", ...rule }],
      egressSecurityRules: [],
    },
  });
  test.each(refusedRequests)("%s is refused for a %s", async (_, _of, request, status, code, message) => {
    const [method, details] = request({ vcnId: vcn.id });
    const refusal = await cloud.sdk.refusal("network", method, details);
    expect([refusal.status, refusal.code]).toEqual([status, code]);
    expect(refusal.message).toMatch(message);
    expect(refusal.requestId).toMatch(/[0-9A-F]{32}$/);
  });

  test("an unknown field is refused by its name", async () => {
    const body = JSON.stringify({ compartmentId, cidrBlocks: ["10.9.0.0/16"], colour: "blue" });
    const url = `https://${SERVICE_HOSTS[0]}/20160918/vcns`;
    const answer = await cloud.sdk.call("raw", "send", { method: "POST", url, body });
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      400,
      { code: "InvalidParameter", message: "Unrecognized field colour" },
    ]);
    const response = await cloud.sdk.call("raw", "send", { method: "POST", url, body: "{}" });
    expect(JSON.parse(response.body)).toEqual({
      code: "MissingParameter",
      message: "Missing compartmentId",
    });
  });

  test("a resource in use cannot be deleted", async () => {
    const { gateway, table } = await cloud.make.internetAccess(vcn.id);
    const list = await cloud.make.securityList(vcn.id, [], []);
    await network("updateSubnet", {
      subnetId: subnet.id,
      updateSubnetDetails: { routeTableId: table.id, securityListIds: [list.id] },
    });
    for (const [method, request] of [
      ["deleteVcn", { vcnId: vcn.id }],
      ["deleteInternetGateway", { igId: gateway.id }],
      ["deleteRouteTable", { rtId: table.id }],
      ["deleteSecurityList", { securityListId: list.id }],
      ["deleteSecurityList", { securityListId: vcn.defaultSecurityListId }],
    ] as const) {
      const refusal = await cloud.sdk.refusal("network", method, request);
      expect([method, refusal.status, refusal.code]).toEqual([method, 409, "Conflict"]);
    }
  });

  test("a VCN has one internet gateway", async () => {
    const refusal = await cloud.sdk.refusal("network", "createInternetGateway", {
      createInternetGatewayDetails: { compartmentId, vcnId: vcn.id, isEnabled: true },
    });
    expect(refusal.code).toBe("LimitExceeded");
  });

  describe("gateways of private subnets", () => {
    let natGateway: any;
    let serviceGateway: any;
    let all: any;
    const destinationType = "SERVICE_CIDR_BLOCK";
    const createServiceGateway = (serviceId: string) => ({
      createServiceGatewayDetails: { compartmentId, vcnId: vcn.id, services: [{ serviceId }] },
    });

    test("are created, listed and changed", async () => {
      natGateway = await cloud.make.natGateway(vcn.id);
      expect(natGateway).toMatchObject({ vcnId: vcn.id, blockTraffic: false });
      const { items: services } = await network("listServices", {});
      all = services.find(({ cidrBlock }: any) => cidrBlock.startsWith("all-"));
      expect((await network("getService", { serviceId: all.id })).service).toEqual(all);
      ({ serviceGateway } = await network("createServiceGateway", createServiceGateway(all.id)));
      expect(serviceGateway.services).toEqual([{ serviceId: all.id, serviceName: all.name }]);
      const gatewayList = await network("listNatGateways", { compartmentId, vcnId: vcn.id });
      expect(gatewayList.items.map(({ id }: any) => id)).toEqual([natGateway.id]);
      const update = { natGatewayId: natGateway.id, updateNatGatewayDetails: { blockTraffic: true } };
      expect((await network("updateNatGateway", update)).natGateway.blockTraffic).toBe(true);
    });

    test("have route rules of their own kind, and cannot be deleted meanwhile", async () => {
      const toServices = {
        destination: all.cidrBlock,
        destinationType,
        networkEntityId: serviceGateway.id,
      };
      const { id, routeRules } = await cloud.make.routeTable(vcn.id, [
        { destination: "0.0.0.0/0", networkEntityId: natGateway.id },
        toServices,
      ]);
      expect(routeRules[1]).toMatchObject(toServices);
      for (const [method, request] of [
        ["deleteNatGateway", { natGatewayId: natGateway.id }],
        ["deleteServiceGateway", { serviceGatewayId: serviceGateway.id }],
      ] as const) {
        const refusal = await cloud.sdk.refusal("network", method, request);
        expect([method, refusal.status, refusal.code]).toEqual([method, 409, "Conflict"]);
      }
      await network("deleteRouteTable", { rtId: id });
      await until("the end of the route table", 20_000, async () => {
        const { items } = await network("listRouteTables", { compartmentId, vcnId: vcn.id });
        return !items.some((table: any) => table.id === id);
      });
    });

    test.each([
      ["an address range to a service gateway", () => ({ destination: "0.0.0.0/0" }), "serviceGateway"],
      ["a service to a NAT gateway", () => ({ destination: all.cidrBlock, destinationType }), "natGateway"],
      ["no service", () => ({ destination: "all-of-them", destinationType }), "serviceGateway"],
    ])("refuse a route rule from %s", async (_, rule, target) => {
      const networkEntityId = (target === "natGateway" ? natGateway : serviceGateway).id;
      const refusal = await cloud.sdk.refusal("network", "createRouteTable", {
        createRouteTableDetails: {
          compartmentId,
          vcnId: vcn.id,
          routeRules: [{ ...rule(), networkEntityId }],
        },
      });
      expect([refusal.status, refusal.code]).toEqual([400, "InvalidParameter"]);
    });

    test("are deleted; a VCN has one service gateway, of services that exist", async () => {
      const secondRefusal = await cloud.sdk.refusal(
        "network",
        "createServiceGateway",
        createServiceGateway(all.id),
      );
      expect(secondRefusal.code).toBe("LimitExceeded");
      await network("deleteNatGateway", { natGatewayId: natGateway.id });
      await network("deleteServiceGateway", { serviceGatewayId: serviceGateway.id });
      await until("the end of both", 20_000, async () => {
        const request = { compartmentId, vcnId: vcn.id };
        const lists = [
          await network("listNatGateways", request),
          await network("listServiceGateways", request),
        ];
        return lists.every(({ items }) => items.length === 0);
      });
      const unknownServiceRefusal = await cloud.sdk.refusal(
        "network",
        "createServiceGateway",
        createServiceGateway("ocid1.x"),
      );
      expect(unknownServiceRefusal.status).toBe(404);
    });
  });

  describe("network security groups", () => {
    let group: any;
    const rule = { direction: "INGRESS", protocol: "all", source: "10.0.0.0/16", sourceType: "CIDR_BLOCK" };
    const changeRules = (action: string, details: object, networkSecurityGroupId = group.id) =>
      [
        `${action}NetworkSecurityGroupSecurityRules`,
        { networkSecurityGroupId, [`${action}NetworkSecurityGroupSecurityRulesDetails`]: details },
      ] as const;
    const rulesOf = async (networkSecurityGroupId: string, direction?: string) =>
      (await network("listNetworkSecurityGroupSecurityRules", { networkSecurityGroupId, direction })).items;

    test("are created, listed and renamed", async () => {
      group = await cloud.make.securityGroup(vcn.id, [], { displayName: "hosts" });
      expect(group).toMatchObject({ vcnId: vcn.id, displayName: "hosts" });
      const groupList = await network("listNetworkSecurityGroups", { compartmentId, vcnId: vcn.id });
      expect(groupList.items.map(({ id }: any) => id)).toEqual([group.id]);
      const { networkSecurityGroup } = await network("updateNetworkSecurityGroup", {
        networkSecurityGroupId: group.id,
        updateNetworkSecurityGroupDetails: { displayName: "members" },
      });
      expect(networkSecurityGroup.displayName).toBe("members");
    });

    test("have rules with ids, which are added, replaced and removed", async () => {
      const ofGroup = {
        ...{ direction: "EGRESS", destination: group.id, destinationType: "NETWORK_SECURITY_GROUP" },
        ...{ protocol: "17", isStateless: true },
        udpOptions: { destinationPortRange: { min: 4789, max: 4789 } },
      };
      const { addedNetworkSecurityGroupSecurityRules: addedRules } = await network(
        ...changeRules("add", { securityRules: [rule, ofGroup] }),
      );
      const [firstRule, secondRule] = addedRules.securityRules;
      expect(firstRule).toMatchObject({ ...rule, isStateless: false, isValid: true });
      expect(secondRule).toMatchObject({ ...ofGroup, isValid: true });
      expect(firstRule.id).toMatch(/^[0-9A-F]{6}$/);
      expect(await rulesOf(group.id, "EGRESS")).toMatchObject([{ id: secondRule.id }]);

      await network(
        ...changeRules("update", { securityRules: [{ ...rule, id: firstRule.id, protocol: "6" }] }),
      );
      expect(await rulesOf(group.id)).toMatchObject([
        { id: firstRule.id, protocol: "6" },
        { id: secondRule.id },
      ]);
      await network(...changeRules("remove", { securityRuleIds: [firstRule.id] }));
      expect(await rulesOf(group.id)).toMatchObject([{ id: secondRule.id }]);
      const unknownRuleRefusal = await cloud.sdk.refusal(
        "network",
        ...changeRules("remove", { securityRuleIds: [firstRule.id] }),
      );
      expect([unknownRuleRefusal.status, unknownRuleRefusal.code]).toEqual([404, "NotAuthorizedOrNotFound"]);
    });

    test.each<[string, object, number, string, RegExp]>([
      ["no source", { source: undefined }, 400, "MissingParameter", /source/],
      ["no type of source", { sourceType: undefined }, 400, "MissingParameter", /sourceType/],
      ["a source with host bits", { source: "10.0.0.7/16" }, 400, "InvalidParameter", /10\.0\.0\.7/],
      [
        "a group that does not exist",
        { source: "ocid1.networksecuritygroup.none", sourceType: "NETWORK_SECURITY_GROUP" },
        ...([404, "NotAuthorizedOrNotFound", /ocid1\.networksecuritygroup\.none/] as const),
      ],
      ["an unknown direction", { direction: "BOTH" }, 400, "InvalidParameter", /direction/],
    ])("refuse a rule with %s", async (_, change, status, code, message) => {
      const request = changeRules("add", { securityRules: [{ ...rule, ...change }] });
      const refusal = await cloud.sdk.refusal("network", ...request);
      expect([refusal.status, refusal.code]).toEqual([status, code]);
      expect(refusal.message).toMatch(message);
    });

    test("take 25 rules a request, and 120 in all", async () => {
      const rules = (count: number) => ({ securityRules: Array<object>(count).fill(rule) });
      const tooManyRefusal = await cloud.sdk.refusal("network", ...changeRules("add", rules(26)));
      expect(tooManyRefusal.code).toBe("InvalidParameter");
      const remainingRules = 120 - (await rulesOf(group.id)).length;
      for (let count = remainingRules; count > 0; count -= 25)
        await network(...changeRules("add", rules(Math.min(count, 25))));
      const refusal = await cloud.sdk.refusal("network", ...changeRules("add", rules(1)));
      expect([refusal.status, refusal.code]).toEqual([400, "LimitExceeded"]);
    });

    test("are deleted with their rules; a rule that names one is not valid any more", async () => {
      const other = await cloud.make.securityGroup(vcn.id, [
        { ...rule, source: group.id, sourceType: "NETWORK_SECURITY_GROUP" },
      ]);
      expect(await rulesOf(other.id)).toMatchObject([{ isValid: true }]);
      const refusal = await cloud.sdk.refusal("network", "deleteVcn", { vcnId: vcn.id });
      expect([refusal.status, refusal.code]).toEqual([409, "Conflict"]);
      await network("deleteNetworkSecurityGroup", { networkSecurityGroupId: group.id });
      await until("the end of the group", 20_000, async () => (await rulesOf(other.id))[0].isValid === false);
      await network("deleteNetworkSecurityGroup", { networkSecurityGroupId: other.id });
    });
  });

  describe("a VCN's blocks", () => {
    const change = (action: "add" | "modify" | "remove", details: object) =>
      [`${action}VcnCidr`, { vcnId: vcn.id, [`${action}VcnCidrDetails`]: details }] as const;
    const state = async () => (await network("getVcn", { vcnId: vcn.id })).vcn;
    const isAvailable = async () => (await state()).lifecycleState === "AVAILABLE";
    const changed = async (...[method, request]: ReturnType<typeof change>) => {
      const { opcWorkRequestId } = await network(method, request);
      const url = `https://${SERVICE_HOSTS[0]}/20160918/workRequests/${opcWorkRequestId}`;
      await until("the work request", 20_000, async () => {
        const { body } = await cloud.sdk.call("raw", "send", { method: "GET", url });
        return JSON.parse(body).status === "SUCCEEDED";
      });
      expect(await isAvailable()).toBe(true);
      return (await state()).cidrBlocks;
    };

    test("are added, changed and removed by work requests", async () => {
      const before = "10.0.0.0/16";
      expect(await changed(...change("add", { cidrBlock: "10.9.0.0/16" }))).toEqual([before, "10.9.0.0/16"]);
      const modification = { originalCidrBlock: before, newCidrBlock: "10.0.0.0/20" };
      expect(await changed(...change("modify", modification))).toEqual(["10.0.0.0/20", "10.9.0.0/16"]);
      const back = { originalCidrBlock: "10.0.0.0/20", newCidrBlock: before };
      await changed(...change("modify", back));
      expect(await changed(...change("remove", { cidrBlock: "10.9.0.0/16" }))).toEqual([before]);
    });

    test("let no subnet, no route table and no other block change meanwhile", async () => {
      const block = { cidrBlock: "10.9.0.0/16" };
      const requests = [
        ["updateSubnet", { subnetId: subnet.id, updateSubnetDetails: { displayName: "meanwhile" } }],
        ["updateRouteTable", { rtId: vcn.defaultRouteTableId, updateRouteTableDetails: { routeRules: [] } }],
        change("add", block),
      ] as const;
      for (const [method, request] of requests)
        // The VCN is UPDATING for a moment, which may be over before the request arrives.
        await until(`a refusal of ${method}`, 20_000, async () => {
          await network(...change("add", block));
          const answer = await cloud.sdk.refusal("network", method, request).catch(() => undefined);
          await until("the VCN", 20_000, isAvailable);
          await changed(...change("remove", block));
          return answer?.status === 409 && answer.code === "IncorrectState";
        });
    });

    test.each<[string, object, "add" | "modify" | "remove", string, RegExp]>([
      ["overlap", { cidrBlock: "10.0.128.0/17" }, "add", "InvalidParameter", /overlaps/],
      [
        "leave out a subnet",
        { originalCidrBlock: "10.0.0.0/16", newCidrBlock: "10.0.2.0/24" },
        ...(["modify", "InvalidParameter", /leave out 10\.0\.1\.0\/24/] as const),
      ],
      [
        "are not the VCN's",
        { originalCidrBlock: "10.5.0.0/16", newCidrBlock: "10.0.0.0/17" },
        ...(["modify", "InvalidParameter", /no CIDR block 10\.5\.0\.0\/16/] as const),
      ],
      ["are its last", { cidrBlock: "10.0.0.0/16" }, "remove", "InvalidParameter", /keep a CIDR block/],
      ["are no blocks", { cidrBlock: "10.0.0/16" }, "add", "InvalidParameter", /10\.0\.0\/16/],
    ])("are refused where they %s", async (_, details, action, code, message) => {
      const refusal = await cloud.sdk.refusal("network", ...change(action, details));
      expect([refusal.status, refusal.code]).toEqual([400, code]);
      expect(refusal.message).toMatch(message);
    });
  });

  describe("another compartment", () => {
    const move = (kind: string, ids: object, to = SECOND_COMPARTMENT) =>
      [
        `change${kind}Compartment`,
        { ...ids, [`change${kind}CompartmentDetails`]: { compartmentId: to } },
      ] as const;

    test("takes each part of a network, and lists it from then on", async () => {
      const { id: vcnId, defaultDhcpOptionsId: dhcpId } = await cloud.make.vcn("10.60.0.0/16");
      const { gateway, table } = await cloud.make.internetAccess(vcnId);
      const list = await cloud.make.securityList(vcnId, [], []);
      const group = await cloud.make.securityGroup(vcnId, []);
      const natGateway = await cloud.make.natGateway(vcnId);
      const { items: services } = await network("listServices", {});
      const { serviceGateway } = await network("createServiceGateway", {
        createServiceGatewayDetails: { compartmentId, vcnId, services: [{ serviceId: services[0].id }] },
      });
      const { id: subnetId } = await cloud.make.subnet(vcnId, "10.60.1.0/24");
      const parts: [string, object, string][] = [
        ["InternetGateway", { igId: gateway.id }, gateway.id],
        ["RouteTable", { rtId: table.id }, table.id],
        ["SecurityList", { securityListId: list.id }, list.id],
        ["NetworkSecurityGroup", { networkSecurityGroupId: group.id }, group.id],
        ["NatGateway", { natGatewayId: natGateway.id }, natGateway.id],
        ["ServiceGateway", { serviceGatewayId: serviceGateway.id }, serviceGateway.id],
        ["Subnet", { subnetId }, subnetId],
        ["DhcpOptions", { dhcpId }, dhcpId],
        ["Vcn", { vcnId }, vcnId],
      ];
      const idsIn = async (kind: string, place: string) =>
        (await network(`list${kind.replace(/s?$/, "s")}`, { compartmentId: place })).items.map(
          ({ id }: any) => id,
        );
      for (const [kind, ids, id] of parts) {
        await network(...move(kind, ids));
        expect([kind, await idsIn(kind, SECOND_COMPARTMENT)]).toEqual([kind, [id]]);
        expect([kind, await idsIn(kind, compartmentId)]).toEqual([kind, expect.not.arrayContaining([id])]);
      }
    });

    test("is refused where it, or what is to be moved, does not exist", async () => {
      for (const request of [
        move("Vcn", { vcnId: vcn.id }, `${compartmentId}x`),
        move("Vcn", { vcnId: "ocid1.vcn.none" }),
      ]) {
        const refusal = await cloud.sdk.refusal("network", ...request);
        expect([refusal.status, refusal.code]).toEqual([404, "NotAuthorizedOrNotFound"]);
      }
      expect((await network("getVcn", { vcnId: vcn.id })).vcn.compartmentId).toBe(compartmentId);
    });

    test("lists the platform's images, and none of the other's own", async () => {
      const request = { compartmentId: SECOND_COMPARTMENT, operatingSystem: "Canonical Ubuntu" };
      const { items } = await compute("listImages", request);
      expect(items.map(({ displayName }: any) => displayName).sort()).toEqual([
        "Canonical-Ubuntu-24.04-2026.10.01-0",
        "Canonical-Ubuntu-24.04-aarch64-2026.10.01-0",
      ]);
    });
  });
});
