import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { accessEnvironment, configFile } from "../../cloud/access.ts";
import { startCloud } from "../../cloud/daemonControl.ts";
import { changeFaults, readFaults } from "../../cloud/faults.ts";
import {
  AVAILABILITY_DOMAINS,
  COMPARTMENT,
  SECOND_COMPARTMENT,
  SERVICE_HOSTS,
  TENANCY,
} from "../../cloud/region.ts";
import { attempt, until } from "../../system/commands.ts";
import { removeLab } from "../../cli/teardown.ts";
import { asOperator } from "../../pulumi/operator.ts";
import { openLab } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import { silentProgress } from "../../system/progress.ts";
import { Builder } from "./sdk/builders.ts";
import { Sdk } from "./sdk/client.ts";

/** The API of the lab's cloud, called by Oracle's own SDK: authentication, networks, and refused requests. */
describe("the cloud's API", () => {
  let lab: Lab;
  let sdk: Sdk;
  let make: Builder;
  let vcn: any;
  let subnet: any;

  beforeAll(async () => {
    await removeLab(openLab("test-api"));
    lab = openLab("test-api");
    await startCloud(lab, silentProgress);
    sdk = new Sdk(lab);
    make = new Builder(lab, sdk);
  });
  afterAll(async () => {
    (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    await removeLab(lab);
  });

  const compute = (method: string, request: object) => sdk.call("compute", method, request);
  const network = (method: string, request: object) => sdk.call("network", method, request);
  const compartmentId = COMPARTMENT;

  describe("authentication", () => {
    test("an unknown key gets 401 in Oracle's form", async () => {
      const { privateKey } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
        publicKeyEncoding: { type: "spki", format: "pem" },
      });
      const key = join(lab.directory, "unknown.pem");
      const config = join(lab.directory, "unknown.config");
      writeFileSync(key, privateKey, { mode: 0o600 });
      writeFileSync(
        config,
        readFileSync(configFile(lab), "utf8").replace(/^key_file=.*$/m, `key_file=${key}`),
      );
      const unknownCaller = new Sdk(lab, { OCI_CONFIG_FILE: config });
      const refusal = await unknownCaller.refusal("network", "listVcns", { compartmentId });
      unknownCaller.close();
      expect([refusal.status, refusal.code]).toEqual([401, "NotAuthenticated"]);
      expect(refusal.requestId).toMatch(/[0-9A-F]{32}$/);
    });

    test("a request without a signature gets 401", async () => {
      const url = `https://${SERVICE_HOSTS[0]}/20160918/vcns?compartmentId=${compartmentId}`;
      const script = `fetch(${JSON.stringify(url)}).then(async (r) => console.log(r.status, await r.text()))`;
      const { stdout } = await attempt(asOperator(lab, [process.execPath, "-e", script]), {
        env: accessEnvironment(lab),
      });
      expect(stdout).toMatch(/^401 \{"code":"NotAuthenticated","message":"The required information/);
    });

    test("a compartment of another user gets 404", async () => {
      const refusal = await sdk.refusal("network", "listVcns", { compartmentId: `${compartmentId}x` });
      expect([refusal.status, refusal.code]).toEqual([404, "NotAuthorizedOrNotFound"]);
    });
  });

  test("lists availability domains, fault domains, images and shapes", async () => {
    const names = ({ items }: any) =>
      items.map(({ name, displayName, shape }: any) => name ?? displayName ?? shape);
    expect(names(await sdk.call("identity", "listAvailabilityDomains", { compartmentId }))).toEqual(
      AVAILABILITY_DOMAINS,
    );
    const [availabilityDomain] = AVAILABILITY_DOMAINS;
    expect(
      names(await sdk.call("identity", "listFaultDomains", { compartmentId, availabilityDomain })),
    ).toEqual(["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"]);
    const ubuntu = { compartmentId, operatingSystem: "Canonical Ubuntu", operatingSystemVersion: "24.04" };
    expect(names(await compute("listImages", { ...ubuntu, shape: "VM.Standard.A1.Flex" }))).toEqual([
      "Canonical-Ubuntu-24.04-aarch64-2026.10.01-0",
    ]);
    expect(names(await compute("listImages", { ...ubuntu, shape: "VM.Standard.E2.1.Micro" }))).toEqual([
      "hardened-Canonical-Ubuntu-24.04-2026.10.01-0",
      "Canonical-Ubuntu-24.04-2026.10.01-0",
    ]);
    expect(names(await compute("listShapes", { compartmentId }))).toEqual([
      "VM.Standard.E4.Flex",
      "VM.Standard.E3.Flex",
      "VM.Standard.A1.Flex",
      "VM.Standard.E2.1.Micro",
    ]);
  });

  test("an injected API error, for as many requests as the fault says", async () => {
    changeFaults(lab, (faults) => faults.api.push({ code: "TooManyRequests", status: 429, count: 2 }));
    for (let time = 0; time < 2; time++) {
      const refusal = await sdk.refusal("network", "listVcns", { compartmentId });
      expect([refusal.status, refusal.code]).toEqual([429, "TooManyRequests"]);
    }
    await network("listVcns", { compartmentId });
  });

  describe("a capacity report", () => {
    const [availabilityDomain] = AVAILABILITY_DOMAINS;
    const size = { ocpus: 2, memoryInGBs: 12 };
    const arm = { instanceShape: "VM.Standard.A1.Flex", instanceShapeConfig: size };
    const micro = { instanceShape: "VM.Standard.E2.1.Micro", faultDomain: "FAULT-DOMAIN-2" };
    const reportDetails = (change: object = {}) => ({
      createComputeCapacityReportDetails: {
        compartmentId: TENANCY,
        availabilityDomain,
        shapeAvailabilities: [arm, micro],
        ...change,
      },
    });
    const report = async (change?: object) =>
      (await compute("createComputeCapacityReport", reportDetails(change))).computeCapacityReport;
    const limitLaunches = (capacity: number, skipFirst: number) =>
      changeFaults(lab, (faults) => Object.assign(faults, { capacity, skipFirst }));

    test("says for each shape whether it can be launched, and repeats what was asked", async () => {
      const other = { instanceShape: "VM.Standard.E5.Flex" };
      const answer = await report({ shapeAvailabilities: [arm, micro, other] });
      expect(answer).toEqual({
        compartmentId: TENANCY,
        availabilityDomain,
        shapeAvailabilities: [
          { ...arm, availabilityStatus: "AVAILABLE" },
          { ...micro, availabilityStatus: "AVAILABLE" },
          { ...other, availabilityStatus: "HARDWARE_NOT_SUPPORTED" },
        ],
        timeCreated: expect.any(String),
      });
      expect(Math.abs(Date.parse(answer.timeCreated) - Date.now())).toBeLessThan(60_000);
    });

    test("follows the fault of no capacity, and does not use it up", async () => {
      limitLaunches(1, 2);
      const available = { availabilityStatus: "AVAILABLE", availableCount: 2 };
      expect((await report()).shapeAvailabilities).toMatchObject([available, available]);
      limitLaunches(1, 0);
      const full = { availabilityStatus: "OUT_OF_HOST_CAPACITY", availableCount: 0 };
      for (let time = 0; time < 2; time++)
        expect((await report()).shapeAvailabilities).toMatchObject([full, full]);
      expect(readFaults(lab).capacity).toBe(1);
      limitLaunches(0, 0);
      expect((await report()).shapeAvailabilities[0].availabilityStatus).toBe("AVAILABLE");
    });

    test("follows the fault of full availability domains, which their launches meet", async () => {
      changeFaults(lab, (faults) => (faults.fullDomains = [availabilityDomain ?? ""]));
      const full = { availabilityStatus: "OUT_OF_HOST_CAPACITY", availableCount: 0 };
      expect((await report()).shapeAvailabilities).toMatchObject([full, full]);
      const [, other] = AVAILABILITY_DOMAINS;
      expect((await report({ availabilityDomain: other })).shapeAvailabilities[0].availabilityStatus).toBe(
        "AVAILABLE",
      );
      const launchInstanceDetails = { compartmentId, availabilityDomain, shape: "VM.Standard.A1.Flex" };
      const refusal = await sdk.refusal("compute", "launchInstance", { launchInstanceDetails });
      expect([refusal.status, refusal.message]).toEqual([500, "Out of host capacity."]);
      changeFaults(lab, (faults) => (faults.fullDomains = []));
    });

    test("is refused by the fault that stands for a missing policy", async () => {
      changeFaults(lab, (faults) => (faults.unknownCapacity = true));
      const refusal = await sdk.refusal("compute", "createComputeCapacityReport", reportDetails());
      expect([refusal.status, refusal.code]).toEqual([404, "NotAuthorizedOrNotFound"]);
      changeFaults(lab, (faults) => (faults.unknownCapacity = false));
    });

    test.each<[string, object, number, string, RegExp]>([
      [
        "a compartment below the root",
        { compartmentId },
        ...([404, "NotAuthorizedOrNotFound", /compartment/] as const),
      ],
      [
        "an unknown availability domain",
        { availabilityDomain: "XYZ:AD-1" },
        ...([400, "InvalidParameter", /XYZ:AD-1/] as const),
      ],
      [
        "an unknown fault domain",
        { shapeAvailabilities: [{ ...arm, faultDomain: "FAULT-DOMAIN-4" }] },
        ...([400, "InvalidParameter", /FAULT-DOMAIN-4/] as const),
      ],
      ["no shape", { shapeAvailabilities: [{}] }, 400, "MissingParameter", /instanceShape/],
    ])("is refused for %s", async (_, change, status, code, message) => {
      const refusal = await sdk.refusal("compute", "createComputeCapacityReport", reportDetails(change));
      expect([refusal.status, refusal.code]).toEqual([status, code]);
      expect(refusal.message).toMatch(message);
    });
  });

  describe("networks", () => {
    test("a VCN is PROVISIONING, then AVAILABLE, and has its default resources", async () => {
      vcn = await make.vcn("10.0.0.0/16", { displayName: "first", dnsLabel: "first" });
      expect(vcn).toMatchObject({ lifecycleState: "PROVISIONING", vcnDomainName: "first.oraclevcn.com" });
      await until("the VCN", 20_000, async () => {
        return (await network("getVcn", { vcnId: vcn.id })).vcn.lifecycleState === "AVAILABLE";
      });
      const { securityList } = await network("getSecurityList", {
        securityListId: vcn.defaultSecurityListId,
      });
      expect(securityList.displayName).toBe("Default Security List for first");
      expect(
        securityList.ingressSecurityRules.map(({ protocol, source }: any) => [protocol, source]),
      ).toEqual([
        ["6", "0.0.0.0/0"],
        ["1", "0.0.0.0/0"],
        ["1", "10.0.0.0/16"],
      ]);
      expect(
        (await network("getRouteTable", { rtId: vcn.defaultRouteTableId })).routeTable.routeRules,
      ).toEqual([]);
    });

    test("a subnet that names no route table and lists has the VCN's defaults", async () => {
      subnet = await make.subnet(vcn.id, "10.0.1.0/24", { displayName: "subnet one" });
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
      const refusal = await sdk.refusal("network", method, details);
      expect([refusal.status, refusal.code]).toEqual([status, code]);
      expect(refusal.message).toMatch(message);
      expect(refusal.requestId).toMatch(/[0-9A-F]{32}$/);
    });

    test("an unknown field is refused by its name", async () => {
      const body = JSON.stringify({ compartmentId, cidrBlocks: ["10.9.0.0/16"], colour: "blue" });
      const url = `https://${SERVICE_HOSTS[0]}/20160918/vcns`;
      const answer = await sdk.call("raw", "send", { method: "POST", url, body });
      expect([answer.status, JSON.parse(answer.body)]).toEqual([
        400,
        { code: "InvalidParameter", message: "Unrecognized field colour" },
      ]);
      const response = await sdk.call("raw", "send", { method: "POST", url, body: "{}" });
      expect(JSON.parse(response.body)).toEqual({
        code: "MissingParameter",
        message: "Missing compartmentId",
      });
    });

    test("a resource in use cannot be deleted", async () => {
      const { gateway, table } = await make.internetAccess(vcn.id);
      const list = await make.securityList(vcn.id, [], []);
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
        const refusal = await sdk.refusal("network", method, request);
        expect([method, refusal.status, refusal.code]).toEqual([method, 409, "Conflict"]);
      }
    });

    test("a VCN has one internet gateway", async () => {
      const refusal = await sdk.refusal("network", "createInternetGateway", {
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
        natGateway = await make.natGateway(vcn.id);
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
        const { id, routeRules } = await make.routeTable(vcn.id, [
          { destination: "0.0.0.0/0", networkEntityId: natGateway.id },
          toServices,
        ]);
        expect(routeRules[1]).toMatchObject(toServices);
        for (const [method, request] of [
          ["deleteNatGateway", { natGatewayId: natGateway.id }],
          ["deleteServiceGateway", { serviceGatewayId: serviceGateway.id }],
        ] as const) {
          const refusal = await sdk.refusal("network", method, request);
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
        const refusal = await sdk.refusal("network", "createRouteTable", {
          createRouteTableDetails: {
            compartmentId,
            vcnId: vcn.id,
            routeRules: [{ ...rule(), networkEntityId }],
          },
        });
        expect([refusal.status, refusal.code]).toEqual([400, "InvalidParameter"]);
      });

      test("are deleted; a VCN has one service gateway, of services that exist", async () => {
        const secondRefusal = await sdk.refusal(
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
        const unknownServiceRefusal = await sdk.refusal(
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
        group = await make.securityGroup(vcn.id, [], { displayName: "hosts" });
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
        const unknownRuleRefusal = await sdk.refusal(
          "network",
          ...changeRules("remove", { securityRuleIds: [firstRule.id] }),
        );
        expect([unknownRuleRefusal.status, unknownRuleRefusal.code]).toEqual([
          404,
          "NotAuthorizedOrNotFound",
        ]);
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
        const refusal = await sdk.refusal("network", ...request);
        expect([refusal.status, refusal.code]).toEqual([status, code]);
        expect(refusal.message).toMatch(message);
      });

      test("take 25 rules a request, and 120 in all", async () => {
        const rules = (count: number) => ({ securityRules: Array<object>(count).fill(rule) });
        const tooManyRefusal = await sdk.refusal("network", ...changeRules("add", rules(26)));
        expect(tooManyRefusal.code).toBe("InvalidParameter");
        const remainingRules = 120 - (await rulesOf(group.id)).length;
        for (let count = remainingRules; count > 0; count -= 25)
          await network(...changeRules("add", rules(Math.min(count, 25))));
        const refusal = await sdk.refusal("network", ...changeRules("add", rules(1)));
        expect([refusal.status, refusal.code]).toEqual([400, "LimitExceeded"]);
      });

      test("are deleted with their rules; a rule that names one is not valid any more", async () => {
        const other = await make.securityGroup(vcn.id, [
          { ...rule, source: group.id, sourceType: "NETWORK_SECURITY_GROUP" },
        ]);
        expect(await rulesOf(other.id)).toMatchObject([{ isValid: true }]);
        const refusal = await sdk.refusal("network", "deleteVcn", { vcnId: vcn.id });
        expect([refusal.status, refusal.code]).toEqual([409, "Conflict"]);
        await network("deleteNetworkSecurityGroup", { networkSecurityGroupId: group.id });
        await until(
          "the end of the group",
          20_000,
          async () => (await rulesOf(other.id))[0].isValid === false,
        );
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
          const { body } = await sdk.call("raw", "send", { method: "GET", url });
          return JSON.parse(body).status === "SUCCEEDED";
        });
        expect(await isAvailable()).toBe(true);
        return (await state()).cidrBlocks;
      };

      test("are added, changed and removed by work requests", async () => {
        const before = "10.0.0.0/16";
        expect(await changed(...change("add", { cidrBlock: "10.9.0.0/16" }))).toEqual([
          before,
          "10.9.0.0/16",
        ]);
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
          [
            "updateRouteTable",
            { rtId: vcn.defaultRouteTableId, updateRouteTableDetails: { routeRules: [] } },
          ],
          change("add", block),
        ] as const;
        for (const [method, request] of requests)
          // The VCN is UPDATING for a moment, which may be over before the request arrives.
          await until(`a refusal of ${method}`, 20_000, async () => {
            await network(...change("add", block));
            const answer = await sdk.refusal("network", method, request).catch(() => undefined);
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
        const refusal = await sdk.refusal("network", ...change(action, details));
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
        const { id: vcnId, defaultDhcpOptionsId: dhcpId } = await make.vcn("10.60.0.0/16");
        const { gateway, table } = await make.internetAccess(vcnId);
        const list = await make.securityList(vcnId, [], []);
        const group = await make.securityGroup(vcnId, []);
        const natGateway = await make.natGateway(vcnId);
        const { items: services } = await network("listServices", {});
        const { serviceGateway } = await network("createServiceGateway", {
          createServiceGatewayDetails: { compartmentId, vcnId, services: [{ serviceId: services[0].id }] },
        });
        const { id: subnetId } = await make.subnet(vcnId, "10.60.1.0/24");
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
          const refusal = await sdk.refusal("network", ...request);
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

    test("a change of an older version is refused", async () => {
      const { etag } = await network("getSubnet", { subnetId: subnet.id });
      const update = (displayName: string, ifMatch: string) => ({
        subnetId: subnet.id,
        updateSubnetDetails: { displayName },
        ifMatch,
      });
      await network("updateSubnet", update("renamed", etag));
      const refusal = await sdk.refusal("network", "updateSubnet", update("again", etag));
      expect([refusal.status, refusal.code]).toEqual([412, "NoEtagMatch"]);
    });

    test("a repeated request with the same retry token creates nothing", async () => {
      const request = {
        createVcnDetails: { compartmentId, cidrBlocks: ["10.77.0.0/16"] },
        opcRetryToken: "once",
      };
      const first = (await network("createVcn", request)).vcn.id;
      expect((await network("createVcn", request)).vcn.id).toBe(first);
      await network("deleteVcn", { vcnId: first });
      await until("the end of the VCN", 20_000, async () => {
        const status = await network("getVcn", { vcnId: first }).catch((error) => error.status);
        return status === 404;
      });
    });

    test("lists are filtered, sorted and paged", async () => {
      const names = ["c", "a", "b"];
      const vcns = [];
      for (const displayName of names) vcns.push(await make.vcn("10.50.0.0/16", { displayName }));
      const first = await network("listVcns", { compartmentId, sortBy: "DISPLAYNAME", limit: 2 });
      expect(first.items.map(({ displayName }: any) => displayName)).toEqual(["a", "b"]);
      const secondPage = await network("listVcns", {
        compartmentId,
        sortBy: "DISPLAYNAME",
        page: first.opcNextPage,
      });
      expect(secondPage.items.map(({ displayName }: any) => displayName)).toEqual(["c", "first"]);
      const filteredList = await network("listVcns", { compartmentId, displayName: "b" });
      expect(filteredList.items).toHaveLength(1);
      for (const { id } of vcns) await network("deleteVcn", { vcnId: id });
    });
  });
});
