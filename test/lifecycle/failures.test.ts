import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../lab/system/commands.ts";
import { keysFolder, loginKey } from "../../lab/hosts/keys.ts";
import { MEMO } from "../../lab/cli/existingHosts.ts";
import { inNetwork } from "../../lab/network/network.ts";
import { TestEnvironment } from "./environment.ts";
import type { Outcome } from "./environment.ts";

/** What goes wrong on a bad day: `up` says which host and which step within two minutes, and the next goes on. */
describe("up fails by name and the next up goes on", () => {
  let env: TestEnvironment;
  /** The lines of the login key: none may stand in anything that Pulumi prints. */
  let secret: string[];
  const LIMIT = 120_000;

  beforeAll(async () => {
    env = await TestEnvironment.boot("test-failures", MEMO);
    secret = readFileSync(loginKey(env.lab), "utf8").split("\n").slice(1, -2);
    await run([
      "ssh-keygen",
      "-q",
      "-t",
      "ed25519",
      "-N",
      "",
      "-f",
      join(keysFolder(env.lab), "stranger_ed25519"),
    ]);
  });
  afterAll(() => env.remove());

  /** Runs an `up` that must fail in time, with every host but `host02` having got as far as it could. */
  const failingUp = async (config: object): Promise<string> => {
    const started = Date.now();
    const { exitCode, text } = await env.up(config);
    expect(exitCode).not.toBe(0);
    expect(Date.now() - started).toBeLessThan(LIMIT);
    for (const line of secret) expect(text).not.toContain(line);
    return text;
  };
  const goesOn = ({ exitCode, text }: Outcome) => expect(exitCode, text).toBe(0);
  const STEP = "command:remote:Command (overlay-host02-device)";

  test("a wrong config: unknown keys and wrong types are reported first, then the rest; nothing is touched", async () => {
    const before = await env.traces("host01");
    const wrongKeys = await failingUp(
      env.config((e) => {
        e.overlay.colour = "blue";
        e.overlay.mtu = "large";
        e.overlay.vni = 2 ** 24;
      }),
    );
    expect(wrongKeys).toContain("overlay.colour: unknown key");
    expect(wrongKeys).toContain('overlay.mtu: "large" is not a number');
    expect(wrongKeys).toContain("nothing was touched");
    const wrongValues = await failingUp(
      env.config((e) => {
        e.overlay.vni = 2 ** 24;
        e.hosts.host02.existing.hostKeyPath = ".lab/keys/nowhere.pub";
      }),
    );
    expect(wrongValues).toContain("overlay.vni: 16777216 is no VNI");
    expect(wrongValues).toContain("nothing was touched");
    expect(await env.traces("host01")).toBe(before);
    expect(wrongValues).toMatch(
      /hosts\.host02\.existing\.hostKeyPath: cannot read .*nowhere\.pub: there is no such file/,
    );
  });

  test("a changed host key is refused, and only that host fails", async () => {
    const text = await failingUp(
      env.config((e) => (e.hosts.host02.existing.hostKeyPath = ".lab/keys/stranger_ed25519.pub")),
    );
    expect(text).toContain(STEP);
    expect(text).toMatch(/handshake failed/);
    expect(await env.on("host01", "ip -o link show vxlan0")).toContain("vxlan0");
    expect(await env.on("host02", "ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });

  test("a key that the host refuses", async () => {
    const config = env.config((e) => (e.ssh.privateKeyPath = ".lab/keys/stranger_ed25519"));
    const text = await failingUp(config);
    expect(text).toContain(STEP);
    expect(text).toMatch(/authenticat/i);
  });

  test("a host that nobody reaches", async () => {
    const router = env.lab.namespace("router");
    await inNetwork(
      router,
      "nft add table inet cut; nft 'add chain inet cut c { type filter hook forward priority -10; }'",
    );
    await inNetwork(router, "nft add rule inet cut c ip daddr 10.196.218.226 drop");
    const text = await failingUp(env.config());
    expect(text).toContain(STEP);
    expect(text).toMatch(/10\.196\.218\.226:22.*(timeout|timed out)/);
    await inNetwork(router, "nft delete table inet cut");
  });

  test("a host that refuses to listen", async () => {
    const text = await failingUp(env.config((e) => (e.hosts.host02.existing.port = 2222)));
    expect(text).toContain(STEP);
    expect(text).toMatch(/10\.196\.218\.226:2222/);
  });

  test("a user without sudo", async () => {
    await env.on("host02", "mv /etc/sudoers.d /etc/sudoers.away; mkdir /etc/sudoers.d");
    const text = await failingUp(env.config());
    expect(text).toContain(STEP);
    expect(text).toContain("sudo: a password is required");
    expect(text).toContain("needs root, or sudo without a password");
    await env.on("host02", "rmdir /etc/sudoers.d; mv /etc/sudoers.away /etc/sudoers.d");
  });

  test("an underlay address that the host does not have", async () => {
    const text = await failingUp(
      env.config((e) =>
        Object.assign(e.hosts.host02.existing, {
          underlayAddress: "10.196.218.230",
          sshAddress: "10.196.218.226",
        }),
      ),
    );
    expect(text).toContain(STEP);
    expect(text).toMatch(
      /no interface of host02 carries the underlay address 10\.196\.218\.230; it has eth0 10\.196\.218\.226\/30/,
    );
  });

  test("a device of the same name that somebody else made", async () => {
    await env.on("host02", "ip link add vxlan0 type vxlan id 7 dstport 4790 dev eth0");
    const text = await failingUp(env.config());
    expect(text).toContain(STEP);
    expect(text).toMatch(/vxlan0 on host02 is there already and was not made by oci-vxlan: remove it with/);
    await env.on("host02", "ip link del vxlan0");
  });

  test("with all of that mended, up goes on from where it stopped", async () => {
    goesOn(await env.up());
    expect(await env.failing()).toEqual([]);
  });

  test("what up did, and why it failed, is in the host's journal with the unit's own lines", async () => {
    const journal = await env.on("host02", "journalctl -b -o cat -u oci-vxlan@lab.overlay");
    expect(journal).toContain("oci-vxlan: error: vxlan0 on host02 is there already");
    expect(journal).toContain("oci-vxlan: lab.overlay: ip link add vxlan0");
  });

  test.each([
    ["its program", "rm /usr/local/sbin/oci-vxlan"],
    ["parts of its program", "rm -r /usr/local/lib/oci-vxlan"],
    ["its peers", "rm /etc/oci-vxlan/lab.overlay/peers"],
    ["its settings", "sed -i 's/^vni 100/vni 200/' /etc/oci-vxlan/lab.overlay/device"],
  ])("a host that lost or changed %s gets it back, though nothing in the config says so", async (_, lose) => {
    await env.on("host02", lose);
    const { exitCode, text, counts } = await env.up();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ unchanged: 7 });
    expect(text).toContain("host02 had lost settings of the stack, or had others, and was set up again");
    expect(await env.failing()).toEqual([]);
  });

  test("a host that lost all of it is another installation: up says what to do", async () => {
    await env.on("host02", "/usr/local/sbin/oci-vxlan remove lab.overlay");
    expect(await failingUp(env.config())).toMatch(
      /host02 was re-imaged, or lost its files, .*raise its "generation" by one/,
    );
    goesOn(await env.up(env.config((e) => (e.hosts.host02.generation = 1))));
    expect(await env.failing()).toEqual([]);
    goesOn(await env.up());
  });

  test("a host that cannot be kept true, though nothing in the config says so", async () => {
    await env.on(
      "host02",
      "cp /var/lib/oci-vxlan/lab.overlay/mac /root/mac; : >/var/lib/oci-vxlan/lab.overlay/mac",
    );
    expect(await failingUp(env.config())).toMatch(
      /host02: .*lab\.overlay\/mac on host02 holds no MAC: raise /,
    );
    await env.on("host02", "cp /root/mac /var/lib/oci-vxlan/lab.overlay/mac; rm /root/mac");
    goesOn(await env.up());
  });

  test("two hosts with one MAC are refused by name", async () => {
    const mac = await env.on("host01", "cat /var/lib/oci-vxlan/lab.overlay/mac");
    await env.on("host02", `echo ${mac} > /var/lib/oci-vxlan/lab.overlay/mac`);
    const text = await failingUp(env.config((e) => (e.hosts.host02.generation = 1)));
    expect(text).toContain(`host01 and host02 both have MAC ${mac} on vxlan0`);
    const [, cure = ""] = /run "(sudo .*?)"/.exec(text) ?? [];
    await env.on("host02", cure);
    goesOn(await env.up(env.config((e) => (e.hosts.host02.generation = 2))));
    expect(await env.failing()).toEqual([]);
  });

  test("a private key with a passphrase: it says where to put it", async () => {
    const key = join(keysFolder(env.lab), "locked_ed25519");
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret phrase", "-f", key]);
    const text = await failingUp(env.config((e) => (e.ssh.privateKeyPath = ".lab/keys/locked_ed25519")));
    expect(text).toMatch(/ssh\.privateKeyPath: the private key is encrypted: set its passphrase/);
    expect(text).not.toContain("secret phrase");
    writeFileSync(key, "not a key\n");
    expect(await failingUp(env.config((e) => (e.ssh.privateKeyPath = ".lab/keys/locked_ed25519")))).toMatch(
      /ssh\.privateKeyPath: this is no private key/,
    );
  });

  test("a host that is gone for good: the failure prints what takes it out of the state", async () => {
    const router = env.lab.namespace("router");
    const cut =
      "nft add table inet cut; nft 'add chain inet cut c { type filter hook forward priority -10; }'; nft add rule inet cut c ip daddr 10.196.218.226 reject";
    await inNetwork(router, cut);
    const destroy = ["destroy", "--yes", "--skip-preview", "--run-program"];
    // The program runs, and would ask a host that does not answer.
    expect((await env.pulumi(destroy)).text).toContain(
      "With OCI_VXLAN_ASK=no in the environment nobody is asked",
    );
    const { exitCode, text } = await env.pulumi(destroy, env.config(), { OCI_VXLAN_ASK: "no" });
    expect(exitCode).not.toBe(0);
    expect(text).toContain("overlay-host02-peers");
    const [, advice = ""] = /^ +pulumi (state delete .*)$/m.exec(text) ?? [];
    expect(advice).toMatch(/^state delete --stack lab --yes 'urn:.*-host02-peers' 'urn:.*-host02-device'$/);
    goesOn(await env.pulumi(advice.replaceAll("'", "").split(" ")));
    goesOn(await env.destroy());
    await inNetwork(router, "nft delete table inet cut");
    // A host that comes back is rid of it by its own program.
    await env.on("host02", "/usr/local/sbin/oci-vxlan remove lab.overlay");
    goesOn(await env.up());
  });

  test("destroy of a host that is down fails by name; once it is back, destroy goes on", async () => {
    const cut =
      "nft add table inet cut; nft 'add chain inet cut c { type filter hook forward priority -10; }'; nft add rule inet cut c ip daddr 10.196.218.226 reject";
    await inNetwork(env.lab.namespace("router"), cut);
    const { exitCode, text } = await env.destroy();
    expect(exitCode).not.toBe(0);
    expect(text).toContain("overlay-host02-peers");
    await inNetwork(env.lab.namespace("router"), "nft delete table inet cut");
    goesOn(await env.destroy());
    expect(await env.on("host02", "ls /etc/oci-vxlan /var/lib/oci-vxlan 2>&1 || true")).toMatch(
      /No such file/,
    );
  });
});
