import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMPARTMENT, SECOND_COMPARTMENT } from "../../lab/cloud/region.ts";
import { Builder } from "../../lab/test/lifecycle/sdk/builders.ts";
import { Sdk } from "../../lab/test/lifecycle/sdk/client.ts";
import { echoesLostDuring } from "./support/steadyEcho.ts";
import { VPN_CIDR, VPN_HOST, connectVpn } from "./support/operatorVpn.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

const VCN = "10.196.218.192/26";

/** Instances in a VCN and a private subnet that others have made, in their compartment. Each test starts where the one before ended. */
describe("an overlay in a network that exists", () => {
  let stack: TestStack;
  let sdk: Sdk;
  let vcn: any;
  let subnet: any;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-existing-network", VPN_HOST);
    sdk = new Sdk(stack.lab);
    await connectVpn(stack, VCN);
    const make = new Builder(stack.lab, sdk);
    const inTheirs = { compartmentId: SECOND_COMPARTMENT };
    vcn = await make.vcn(VCN, inTheirs);
    subnet = await make.subnet(vcn.id, "10.196.218.208/28", { ...inTheirs, prohibitPublicIpOnVnic: true });
  });
  afterAll(async () => {
    (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    await stack.remove();
  });

  const config = (change: ConfigChange = () => undefined) =>
    stack.referenceConfig((e) => {
      e.network = {
        vcn: { id: vcn.id },
        securityList: { default: true },
        operatorCidrs: [VPN_CIDR],
        subnets: { all: { id: subnet.id } },
      };
      for (const host of Object.values<any>(e.hosts)) host.instance = {};
      change(e);
    });

  const overlap: ConfigChange = (e) => {
    e.overlay.cidrs = ["10.196.218.192/28"];
    e.hosts.host01.overlayAddresses = ["10.196.218.193"];
    e.hosts.host02.overlayAddresses = ["10.196.218.194"];
    e.hosts.vpn = { ...stack.config().hosts.vpn, overlayAddresses: ["10.196.218.195"] };
  };
  const installedOverlays = () => stack.on("vpn", "ls -d /etc/oci-vxlan 2>/dev/null || true");

  test.each([
    [
      "an overlay network that hides a part of the VCN",
      overlap,
      "overlay.cidrs[0]: 10.196.218.192/28 overlaps 10.196.218.192/26 at network.vcn.id: choose an overlay network apart from the underlay.",
    ],
    [
      "a public address in the private subnet",
      (e: any) => (e.hosts.host01.instance.publicIp = true),
      "hosts.host01.instance.publicIp: true, and subnet all prohibits public addresses: leave publicIp out, or put the host into another subnet.",
    ],
  ])("%s is refused before anything is made", async (_, change, problem) => {
    for (const run of [() => stack.pulumi(["preview"], config(change)), () => stack.up(config(change))]) {
      const text = expectFailure(await run());
      expect(text).toContain(`OverlayEnvironment "overlay" cannot be built:\n`);
      const reports = text.split(problem).length - 1;
      expect([1, 2], text).toContain(reports); // As it happens, and in the diagnostics.
      expect(text).not.toMatch(/error serializing|unhandled/);
    }
    expect(stack.instances()).toEqual([]);
    expect(await installedOverlays()).toBe("");
    const { text: state } = await stack.pulumi(["stack", "export"], config(change));
    expect(state).not.toMatch(/oci:Core|command:/);
  });

  test("a compartment, VCN and subnet that Oracle does not know are refused by name", async () => {
    const unknownId = (kind: string) => `ocid1.${kind}.oc1.eu-frankfurt-1.nobody`;
    const refusal = async (change: ConfigChange) => {
      const text = expectFailure(await stack.pulumi(["preview"], config(change)));
      expect(text).not.toMatch(/serializing|unhandled|TypeError/);
      return text;
    };
    expect(await refusal((e) => (e.compartmentId = unknownId("compartment")))).toMatch(
      /compartmentId: Oracle knows no ocid1\.compartment\S+nobody, or your user may not use it/,
    );
    const text = await refusal(({ network }) => {
      network.vcn.id = unknownId("vcn");
      network.subnets.all.id = unknownId("subnet");
    });
    expect(text).toMatch(/network\.vcn\.id: Oracle knows no such VCN/);
    expect(text).toMatch(/network\.subnets\.all\.id: Oracle knows no such subnet/);
  });

  test("one up creates the instances without public addresses, and all traffic passes", async () => {
    expectSuccess(await stack.up(config()));
    expect(await stack.failingPairs()).toEqual([]);
    const { addresses } = await stack.outputs();
    expect([addresses.host01.publicIp, addresses.host02.publicIp]).toEqual(["", ""]);
    const { text, counts } = await stack.up(config());
    expect(Object.keys(counts), text).toEqual(["unchanged"]);
  });

  const inGroup: ConfigChange = (e) => {
    e.network.securityGroup = true;
    delete e.network.securityList;
  };
  const instanceIds = async () => {
    const { addresses } = await stack.outputs();
    return [addresses.host01.instanceId, addresses.host02.instanceId];
  };
  /** How many of the echoes that host01 sends to host02 every 10 ms get no answer. */
  const echoesLost = (action: () => Promise<void>) =>
    echoesLostDuring(stack, "host01", "192.168.0.2", action, 0.01);
  const groups = async () =>
    (await sdk.call("network", "listNetworkSecurityGroups", { compartmentId: COMPARTMENT, vcnId: vcn.id }))
      .items;
  const defaultRules = async () => {
    const { securityList } = await sdk.call("network", "getSecurityList", {
      securityListId: vcn.defaultSecurityListId,
    });
    return [...securityList.ingressSecurityRules, ...securityList.egressSecurityRules];
  };

  test("a Network Security Group takes over from the list, and traffic goes on", async () => {
    const before = await instanceIds();
    const lostEchoes = await echoesLost(async () => {
      expectSuccess(await stack.up(config(inGroup)));
    });
    expect(lostEchoes).toBe(0);
    expect(await instanceIds()).toEqual(before);
    expect(await defaultRules()).toEqual([]);
    expect(await stack.failingPairs()).toEqual([]);
    const { addresses } = await stack.outputs();
    // The hosts probe the paths between them by such echoes.
    expect(await stack.on("host01", `ping -c 1 -w 5 ${addresses.host02.privateIp}`)).toContain(
      " 0% packet loss",
    );
    const { text, counts } = await stack.up(config(inGroup));
    expect(Object.keys(counts), text).toEqual(["unchanged"]);
  });

  test("a rule that somebody took out of the group is back after an up", async () => {
    const [{ id: networkSecurityGroupId }] = await groups();
    const rules = async () =>
      (await sdk.call("network", "listNetworkSecurityGroupSecurityRules", { networkSecurityGroupId })).items;
    const vxlan = (await rules()).find(
      ({ direction, protocol }: any) => direction === "INGRESS" && protocol === "17",
    );
    await sdk.call("network", "removeNetworkSecurityGroupSecurityRules", {
      networkSecurityGroupId,
      removeNetworkSecurityGroupSecurityRulesDetails: { securityRuleIds: [vxlan.id] },
    });
    expect(await stack.failingPairs()).toEqual(["host01 -> host02", "host02 -> host01"]);
    const outcome = await stack.up(config(inGroup));
    expectSuccess(outcome);
    expect(outcome.counts).toMatchObject({ created: 1 });
    expect(await rules()).toHaveLength(6);
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("the key left out of the config fails to delete the group, and no packet is lost", async () => {
    const before = await instanceIds();
    const lostEchoes = await echoesLost(async () => {
      const { text } = await stack.up(config((e) => delete e.network.securityGroup));
      expect(text).toMatch(/409-Conflict.*network security group/i);
    });
    expect(lostEchoes).toBe(0);
    expect(await instanceIds()).toEqual(before);
    expect(await groups()).toHaveLength(1);
  });

  test("false after it: the list alone admits traffic, none is lost, and the group is gone", async () => {
    const before = await instanceIds();
    const inList = config((e) => (e.network.securityGroup = false));
    const lostEchoes = await echoesLost(async () => {
      expectSuccess(await stack.up(inList));
    });
    expect(lostEchoes).toBe(0);
    expect(await instanceIds()).toEqual(before);
    expect(await groups()).toEqual([]);
    expect((await defaultRules()).length).toBeGreaterThan(0);
  });

  test("destroy leaves the network", async () => {
    expectSuccess(await stack.destroy(config()));
    const { vcn: remainingVcn } = await sdk.call("network", "getVcn", { vcnId: vcn.id });
    expect(remainingVcn.lifecycleState).toBe("AVAILABLE");
  });
});
