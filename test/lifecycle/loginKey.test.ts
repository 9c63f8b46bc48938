import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { hostKey, keysFolder, loginKey, pinHostKeys, publicKey } from "../../lab/hosts/keys.ts";
import { withoutPrefix } from "../../lab/hosts/inventory.ts";
import { sshArgv } from "../../lab/pulumi/ssh.ts";
import { attempt, until } from "../../lab/system/commands.ts";
import { addRules, REMOVE_RULES } from "./support/faults.ts";
import { newLoginKey } from "./support/newLoginKey.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { commandLinesDuring, readableByOthers, secretsOf, textsWithSecrets } from "./support/secretLeaks.ts";
import { echoesLostDuring } from "./support/steadyEcho.ts";
import { TestStack, UP } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

const FILE = "/home/opc/.ssh/authorized_keys";
const FOREIGN = `# of an administrator
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3N5VqMOqvuBz5bVhxOqSxFOqYhFhZdh3JdMpH7a0Zq bob@example
`;

/** `up` replaces the login key on the hosts of an overlay. Each test starts where the one before ended. */
describe("a login key that is replaced", () => {
  let stack: TestStack;
  let [oldKey, newKey] = ["", ""];
  let replaceKey: ConfigChange;
  const HOSTS = Object.keys(REFERENCE_HOSTS);
  const addressOf = (host: string) => withoutPrefix(REFERENCE_HOSTS[host]?.address ?? "");
  beforeAll(async () => {
    stack = await TestStack.boot("test-login-key", REFERENCE_HOSTS);
    [oldKey, newKey] = [loginKey(stack.lab), join(keysFolder(stack.lab), "next_ed25519")];
    replaceKey = await newLoginKey(stack);
    expectSuccess(await stack.up());
  });
  afterAll(() => stack.remove());

  /** The config with the new key, and with the old one beside it. */
  const configWithNewKey = (change: ConfigChange = () => undefined) =>
    stack.config((e) => {
      replaceKey(e);
      change(e);
    });
  const configWithoutOldKey = () => configWithNewKey((e) => delete e.ssh.oldPrivateKeyPath);
  const logsIn = async (host: string, key: string) =>
    (await attempt(sshArgv(stack.lab, addressOf(host), ["true"], key))).exitCode === 0;
  const keysOf = (host: string) => stack.on(host, `cat ${FILE}`);
  const hasKey = async (host: string, key: string) =>
    (await keysOf(host)).includes(publicKey(key).split(" ")[1] ?? "");
  const fileOf = (host: string) =>
    stack.on(host, `stat -c '%a %U %G %Y %i' ${FILE}; ls -a $(dirname ${FILE})`);

  test("preview says what up will do, and touches no host", async () => {
    await stack.on(
      "host01",
      `sed -i 's/^/no-x11-forwarding /' ${FILE}; printf '%s' '${FOREIGN}' >>${FILE}; chmod 640 ${FILE}`,
    );
    // The user itself can lock its folder, and so delay every program that waits for that lock.
    await stack.on("host01", "systemd-run --quiet --unit=holder --uid=opc flock -x /home/opc/.ssh sleep 900");
    const before = await fileOf("host01");
    const { text } = expectSuccess(await stack.pulumi(["preview"], configWithNewKey()));
    expect(text).toContain("up adds the new login key on host01, host02 beside the old one");
    expect(await fileOf("host01")).toBe(before);
    expect(await hasKey("host01", newKey)).toBe(false);
  });

  test("a host that does not let SSH in fails up by name, and the other one is done", async () => {
    await stack.on("host02", addRules("input", "tcp dport 22 reject with tcp reset"));
    const text = expectFailure(await stack.up(configWithNewKey()));
    expect(text).toMatch(/host02: its login key was not replaced \(SSH to \S+: connect ECONNREFUSED/);
    expect(text).toContain("with the old key still in the config");
    expect(text).not.toContain("Take the old one out of the config");
    expect([await logsIn("host01", newKey), await logsIn("host01", oldKey)]).toEqual([true, false]);
  });

  test("entries of others, the options of the old one, mode and owner stay", async () => {
    const [type, key] = publicKey(newKey).split(" ");
    await stack.on("host01", "systemctl stop holder");
    expect(await keysOf("host01")).toBe(
      `no-x11-forwarding ${type} ${key} oci-vxlan lab\n${FOREIGN}`.trimEnd(),
    );
    expect(await fileOf("host01")).toMatch(/^640 opc opc [^]*\nauthorized_keys$/);
  });

  test("a host that is down on purpose is left alone, and named", async () => {
    const { text } = expectSuccess(await stack.up(configWithNewKey((e) => (e.hosts.host02.down = true))));
    expect(text).toContain("host02 is down, so nobody has looked whether it still takes the old login key");
    expect(text).not.toContain("Take the old one out of the config");
  });

  test("up may be killed at any moment, no echo is lost, and the next up finishes", async () => {
    await stack.on("host02", REMOVE_RULES);
    const killAs = async (event: string, hasHappened: () => Promise<boolean>) => {
      const upRun = stack.up(configWithNewKey());
      await until(event, 60_000, hasHappened, 10);
      await stack.killPulumi();
      expectFailure(await upRun);
    };
    const lostEchoes = await echoesLostDuring(
      stack,
      "host01",
      "192.168.0.2",
      async () => {
        await killAs("the new key", () => hasKey("host02", newKey));
        expect(await logsIn("host02", newKey)).toBe(true);
        await killAs("the end of the old key", async () => !(await hasKey("host02", oldKey)));
        const { text } = expectSuccess(await stack.up(configWithNewKey()));
        expect(text).toContain(
          "the new login key logs in to host01, host02, and the old one does not. Take the old one out",
        );
      },
      0.01,
    );
    expect(lostEchoes).toBe(0);
    for (const host of HOSTS)
      expect([await logsIn(host, newKey), await logsIn(host, oldKey)]).toEqual([true, false]);
  });

  test("a second up changes nothing, with the old key in the config and without it", async () => {
    const files = () => Promise.all(HOSTS.map(fileOf));
    const before = await files();
    expectUnchanged(await stack.up(configWithNewKey()));
    expectUnchanged(await stack.up(configWithoutOldKey()));
    expect(await files()).toEqual(before);
  });

  /** Gives a host another host key, as docs/security.md says, and pins that. */
  const changeHostKey = async (host: string) => {
    const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
    const commands = [...page.matchAll(/^ *sudo (.*ssh_host_ed25519_key.*|systemctl reload ssh)$/gm)];
    expect(commands).toHaveLength(4);
    for (const [, command = ""] of commands) await stack.on(host, command);
    const key = await stack.on(host, "cat /etc/ssh/ssh_host_ed25519_key.pub");
    writeFileSync(`${hostKey(stack.lab, host)}.pub`, `${key}\n`);
    pinHostKeys(stack.lab, Object.fromEntries(HOSTS.map((each) => [each, addressOf(each)])));
  };

  test("up replaces it back beside a new host key, and no key can be seen meanwhile", async () => {
    await changeHostKey("host01");
    const before = await stack.on(
      "host01",
      "cat /var/lib/oci-vxlan/*/installation /sys/class/net/vxlan0/ifindex",
    );
    const back = configWithNewKey((e) =>
      Object.assign(e.ssh, {
        privateKeyPath: ".lab/keys/opc_ed25519",
        oldPrivateKeyPath: ".lab/keys/next_ed25519",
      }),
    );
    const secrets = secretsOf(stack.lab);
    const upRun = stack.pulumi(UP, back);
    const commandLines = await commandLinesDuring(upRun);
    const { text } = expectSuccess(await upRun);
    const state = readFileSync(join(stack.lab.directory, "state/.pulumi/stacks/oci-vxlan/lab.json"), "utf8");
    expect(textsWithSecrets([text, state, ...commandLines], secrets)).toEqual([]);
    expect(await readableByOthers(stack.lab, secrets)).toEqual([]);
    for (const host of HOSTS)
      expect([await logsIn(host, newKey), await logsIn(host, oldKey)]).toEqual([false, true]);
    const after = await stack.on(
      "host01",
      "cat /var/lib/oci-vxlan/*/installation /sys/class/net/vxlan0/ifindex",
    );
    expect(after).toBe(before);
    expectSuccess(await stack.destroy());
  });
});
