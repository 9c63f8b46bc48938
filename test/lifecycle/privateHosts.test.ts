import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMPARTMENT } from "../../lab/cloud/region.ts";
import { asOperator } from "../../lab/pulumi/operator.ts";
import { attempt, until } from "../../lab/system/commands.ts";
import { Sdk } from "../../lab/test/lifecycle/sdk/client.ts";
import { VPN_CIDR, VPN_HOST, connectVpn } from "./support/operatorVpn.ts";
import { expectSuccess } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

/** A public and a private host, of which Pulumi reaches the private one by a VPN. Each test starts where the last ended. */
describe("an overlay with a private host", () => {
  let stack: TestStack;
  let sdk: Sdk;
  beforeAll(async () => {
    stack = await TestStack.bootCloud("test-private-hosts", VPN_HOST);
    sdk = new Sdk(stack.lab);
    await connectVpn(stack, "10.196.218.192/26");
  });
  afterAll(async () => {
    (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    await stack.remove();
  });

  const config = (change: ConfigChange = () => undefined) =>
    stack.referenceConfig((e) => {
      e.network.operatorCidrs.push(VPN_CIDR);
      e.network.subnets.host02.private = true;
      change(e);
    });
  const connectsTo = async (address: string) => {
    const script = `import socket; socket.create_connection(("${address}", 22), timeout=2)`;
    return (await attempt(asOperator(stack.lab, ["python3", "-c", script]))).exitCode === 0;
  };
  const natGateway = async () => {
    const { items } = await sdk.call("network", "listNatGateways", { compartmentId: COMPARTMENT });
    return items[0];
  };

  test("one up creates it, and all traffic passes", async () => {
    const { counts, text } = expectSuccess(await stack.up(config()));
    expect(counts).toEqual({ created: 26 });
    expect(text).not.toMatch(/warning/);
    expect(await stack.failingPairs()).toEqual([]);
    const { addresses } = await stack.outputs();
    expect(addresses.host01.publicIp).toMatch(/^203\.0\.113\./);
    expect(addresses.host02).toMatchObject({ privateIp: "10.196.218.226", publicIp: "" });
  });

  test("a second up changes nothing", async () => {
    expect((await stack.up(config())).counts).toEqual({ unchanged: 26 });
  });

  test("the private host gets out, with the address of the NAT gateway", async () => {
    const listen =
      "import socket; s = socket.create_server(('', 6000)); s.settimeout(60); print(s.accept()[1][0])";
    const source = attempt(asOperator(stack.lab, ["python3", "-c", listen]));
    const connect = () => stack.on("host02", "timeout 1 bash -c '</dev/tcp/198.51.100.10/6000'");
    await until("a connection from host02", 40_000, () =>
      connect().then(
        () => true,
        () => false,
      ),
    );
    expect((await source).stdout).toBe((await natGateway()).natIp);
  });

  test("it is not reached from outside, and the public one is", async () => {
    const { addresses } = await stack.outputs();
    expect(await connectsTo(addresses.host01.publicIp)).toBe(true);
    expect(await connectsTo((await natGateway()).natIp)).toBe(false);
  });

  test("its subnet becomes public, with another CIDR", async () => {
    const { counts } = expectSuccess(
      await stack.up(
        config((e) => {
          e.network.subnets.host02 = { cidr: "10.196.218.228/30" };
          e.hosts.host02.instance.privateIp = "10.196.218.230";
        }),
      ),
    );
    expect(counts).toMatchObject({ replaced: 2, deleted: 3 }); // Subnet and instance; gateways and route table.
    expect((await stack.outputs()).addresses.host02.publicIp).toMatch(/^203\.0\.113\./);
    expect(await natGateway()).toBeUndefined();
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("destroy leaves nothing in the cloud", async () => {
    expectSuccess(await stack.destroy(config()));
    for (const kind of ["Vcns", "NatGateways", "ServiceGateways", "RouteTables", "Subnets"]) {
      const { items } = await sdk.call("network", `list${kind}`, { compartmentId: COMPARTMENT });
      expect([kind, items.filter(({ lifecycleState }: any) => lifecycleState === "AVAILABLE")]).toEqual([
        kind,
        [],
      ]);
    }
  });
});
