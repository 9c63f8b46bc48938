import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { keysFolder, loginKey } from "../../lab/hosts/keys.ts";
import { run } from "../../lab/system/commands.ts";
import { countTries } from "../triedCounts.ts";
import { endPartition, narrowPath, partition } from "./support/faults.ts";
import { installationTraces } from "./support/hostState.ts";
import { expectFailure, expectSuccess, stateDeleteArguments } from "./support/outcome.ts";
import { DESTROY, TestStack } from "./support/testStack.ts";

/** Within two minutes a failing `up` names the host and the step; once the fault is gone, the next `up` continues. */
describe("up names the host and the fault", () => {
  let stack: TestStack;
  /** Lines of the login key, none of which Pulumi may print. */
  let keyLines: string[];
  const HOST02 = "10.196.218.226";
  const STEP = "command:remote:Command (overlay-host02-device)";

  const generateKey = async (file: string, passphrase: string): Promise<string> => {
    const path = join(keysFolder(stack.lab), file);
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path]);
    return path;
  };

  beforeAll(async () => {
    stack = await TestStack.boot("test-up-errors", REFERENCE_HOSTS, { isCold: true });
    keyLines = readFileSync(loginKey(stack.lab), "utf8").split("\n").slice(1, -2);
    await generateKey("unknown_ed25519", "");
  });
  afterAll(() => stack.remove());
  beforeEach(countTries("faults"));

  /** Runs an `up` that has to fail in time, and returns what it printed. */
  const failingUp = async (config?: object): Promise<string> => {
    const startedAt = Date.now();
    const text = expectFailure(await stack.up(config));
    expect(Date.now() - startedAt).toBeLessThan(120_000);
    for (const line of keyLines) expect(text).not.toContain(line);
    return text;
  };

  test("a wrong config shows its schema errors first, then the others, and no host is touched", async () => {
    const before = await installationTraces(stack, "host01");
    const schemaErrors = await failingUp(
      stack.config((e) => {
        e.overlay.colour = "blue";
        e.overlay.mtu = "large";
        e.overlay.vni = 2 ** 24;
      }),
    );
    expect(schemaErrors).toContain("overlay.colour: unknown key");
    expect(schemaErrors).toContain('overlay.mtu: "large" is not a number');
    expect(schemaErrors).toContain("nothing was touched");
    const otherErrors = await failingUp(
      stack.config((e) => {
        e.overlay.vni = 2 ** 24;
        e.hosts.host02.existing.hostKeyPath = ".lab/keys/nowhere.pub";
      }),
    );
    expect(otherErrors).toContain("overlay.vni: 16777216 is no VNI");
    expect(otherErrors).toContain("nothing was touched");
    expect(await installationTraces(stack, "host01")).toBe(before);
    expect(otherErrors).toMatch(
      /hosts\.host02\.existing\.hostKeyPath: cannot read .*nowhere\.pub: there is no such file/,
    );
  });

  test("a host with another key than the pinned one is refused, and the other hosts are set up", async () => {
    const text = await failingUp(
      stack.config((e) => (e.hosts.host02.existing.hostKeyPath = ".lab/keys/unknown_ed25519.pub")),
    );
    expect(text).toContain(STEP);
    expect(text).toMatch(/could not be delivered by SSH to 10\.196\.218\.226:22, .*Host denied/);
    expect(await stack.on("host01", "ip -o link show vxlan0")).toContain("vxlan0");
    expect(await stack.on("host02", "ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });

  test("a host refuses the login key", async () => {
    const config = stack.config((e) => (e.ssh.privateKeyPath = ".lab/keys/unknown_ed25519"));
    const text = await failingUp(config);
    expect(text).toContain(STEP);
    expect(text).toMatch(/authenticat/i);
  });

  test("a host does not answer", async () => {
    await partition(stack, HOST02, "drop");
    const text = await failingUp();
    expect(text).toContain(STEP);
    expect(text).toMatch(/10\.196\.218\.226:22, .*no answer within 8 s/);
    await endPartition(stack);
  });

  test("a host does not listen on the SSH port", async () => {
    const text = await failingUp(stack.config((e) => (e.hosts.host02.existing.port = 2222)));
    expect(text).toContain(STEP);
    expect(text).toMatch(/10\.196\.218\.226:2222/);
  });

  test("the user may not use sudo without a password", async () => {
    await stack.on("host02", "mv /etc/sudoers.d /etc/sudoers.away; mkdir /etc/sudoers.d");
    const text = await failingUp();
    expect(text).toContain(STEP);
    expect(text).toContain("sudo: a password is required");
    expect(text).toContain("needs root, or sudo without a password");
    await stack.on("host02", "rmdir /etc/sudoers.d; mv /etc/sudoers.away /etc/sudoers.d");
  });

  test("a host does not have its underlay address", async () => {
    const text = await failingUp(
      stack.config((e) =>
        Object.assign(e.hosts.host02.existing, { underlayAddress: "10.196.218.230", sshAddress: HOST02 }),
      ),
    );
    expect(text).toContain(STEP);
    expect(text).toMatch(
      /no interface of host02 carries the underlay address 10\.196\.218\.230; it has eth0 10\.196\.218\.226\/30/,
    );
  });

  test("somebody else created a device of the same name", async () => {
    await stack.on("host02", "ip link add vxlan0 type vxlan id 7 dstport 4790 dev eth0");
    const text = await failingUp();
    expect(text).toContain(STEP);
    expect(text).toMatch(/vxlan0 on host02 is there already and was not made by oci-vxlan: remove it with/);
    await stack.on("host02", "ip link del vxlan0");
  });

  test("the path to a host carries less than the NICs, and up prints the line of the config that cures it", async () => {
    const widenPath = await narrowPath(stack, HOST02);
    const text = await failingUp();
    expect(text).toContain("command:remote:Command (overlay-host01-peers)");
    expect(text).toContain(
      `the path from host01 to host02 (10.196.218.222 -> ${HOST02}) carries 1500 bytes unfragmented`,
    );
    expect(await stack.on("host01", "bridge fdb show dev vxlan0")).toBe("");
    const [, mtu] = /^ +overlay\.mtu: (\d+)$/m.exec(text) ?? [];
    expectSuccess(await stack.up(stack.config((e) => (e.overlay.mtu = Number(mtu)))));
    expect((await stack.outputs()).mtu).toBe(1450);
    expect(await stack.failingPairs()).toEqual([]);
    // The message advises this flush for a path whose MTU was raised.
    await widenPath();
    await stack.on("host01", "ip route flush cache");
  });

  test("the next up continues once these faults are gone", async () => {
    expectSuccess(await stack.up());
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("the host's journal shows the steps of up and its error beside the lines of the unit", async () => {
    const journal = await stack.on("host02", "journalctl -b -o cat -u oci-vxlan@lab.overlay");
    expect(journal).toContain("oci-vxlan: error: vxlan0 on host02 is there already");
    expect(journal).toContain("oci-vxlan: lab.overlay: ip link add vxlan0");
  });

  test.each([
    ["its program", "rm /usr/local/sbin/oci-vxlan"],
    ["parts of its program", "rm -r /usr/local/lib/oci-vxlan"],
    ["its peers", "rm /etc/oci-vxlan/lab.overlay/peers"],
    ["its settings", "sed -i 's/^vni 100/vni 200/' /etc/oci-vxlan/lab.overlay/device"],
  ])("a host lost or changed %s, and up restores it without a change of the config", async (_, damage) => {
    await stack.on("host02", damage);
    const { counts, text } = expectSuccess(await stack.up());
    expect(counts).toEqual({ unchanged: 8 });
    expect(text).toContain("host02 had lost settings of the stack, or had others, and was set up again");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("a host lost all files, and up asks for a raised generation", async () => {
    await stack.on("host02", "/usr/local/sbin/oci-vxlan remove lab.overlay");
    expect(await failingUp()).toMatch(
      /host02 was re-imaged, or lost its files, .*raise its "generation" by one/,
    );
    expectSuccess(await stack.up(stack.config((e) => (e.hosts.host02.generation = 1))));
    expect(await stack.failingPairs()).toEqual([]);
    expectSuccess(await stack.up());
  });

  test("a host cannot repair itself, and up fails without a change of the config", async () => {
    await stack.on(
      "host02",
      "cp /var/lib/oci-vxlan/lab.overlay/mac /root/mac; : >/var/lib/oci-vxlan/lab.overlay/mac",
    );
    expect(await failingUp()).toMatch(/host02: .*lab\.overlay\/mac on host02 holds no MAC: raise /);
    await stack.on("host02", "cp /root/mac /var/lib/oci-vxlan/lab.overlay/mac; rm /root/mac");
    expectSuccess(await stack.up());
  });

  test("two hosts have the same MAC, and up prints the command that repairs it", async () => {
    const mac = await stack.on("host01", "cat /var/lib/oci-vxlan/lab.overlay/mac");
    await stack.on("host02", `echo ${mac} > /var/lib/oci-vxlan/lab.overlay/mac`);
    const text = await failingUp(stack.config((e) => (e.hosts.host02.generation = 1)));
    expect(text).toContain(`host01 and host02 both have MAC ${mac} on vxlan0`);
    const [, repair = ""] = /run "(sudo .*?)"/.exec(text) ?? [];
    await stack.on("host02", repair);
    expectSuccess(await stack.up(stack.config((e) => (e.hosts.host02.generation = 2))));
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("the private key is encrypted, and up says where to put its passphrase", async () => {
    const key = await generateKey("locked_ed25519", "secret phrase");
    const config = stack.config((e) => (e.ssh.privateKeyPath = ".lab/keys/locked_ed25519"));
    const text = await failingUp(config);
    expect(text).toMatch(/ssh\.privateKeyPath: the private key is encrypted: set its passphrase/);
    expect(text).not.toContain("secret phrase");
    writeFileSync(key, "not a key\n");
    expect(await failingUp(config)).toMatch(/ssh\.privateKeyPath: this is no private key/);
  });

  test("a host will not come back, and destroy prints how to forget it", async () => {
    await partition(stack, HOST02);
    const destroy = [...DESTROY, "--run-program"];
    // The program checks all hosts, so it waits for the one that will not come back.
    expect((await stack.pulumi(destroy)).text).toContain(
      "With OCI_VXLAN_ASK=no in the environment nobody is asked",
    );
    const withoutCheck = { variables: { OCI_VXLAN_ASK: "no" } };
    const text = expectFailure(await stack.pulumi(destroy, stack.config(), withoutCheck));
    expect(text).toContain("overlay-host02-peers");
    expect(text).toMatch(
      /^ +pulumi state delete --stack lab --yes --target-dependents 'urn:.*-host02-device'$/m,
    );
    expectSuccess(await stack.pulumi(stateDeleteArguments(text)));
    expectSuccess(await stack.destroy());
    await endPartition(stack);
    // If the host does come back, its own program removes the overlay.
    await stack.on("host02", "/usr/local/sbin/oci-vxlan remove lab.overlay");
    expectSuccess(await stack.up());
  });

  test("a host is down, and destroy fails by its name and succeeds once the host is back", async () => {
    await partition(stack, HOST02);
    expect(expectFailure(await stack.destroy())).toContain("overlay-host02-peers");
    await endPartition(stack);
    expectSuccess(await stack.destroy());
    expect(await stack.on("host02", "ls /etc/oci-vxlan /var/lib/oci-vxlan 2>&1 || true")).toMatch(
      /No such file/,
    );
  });
});
