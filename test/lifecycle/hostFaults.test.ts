import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { runInHost } from "../../lab/hosts/exec.ts";
import { restartHost } from "../../lab/hosts/power.ts";
import { until } from "../../lab/system/commands.ts";
import { debianPackage } from "../debianPackage.ts";
import { countTries } from "../triedCounts.ts";
import { addRules, endPartition, onRouter, unwrapTool, wrapTool } from "./support/faults.ts";
import type { Outcome } from "../../lab/test/support/outcome.ts";
import { expectFailure, expectSuccess, expectUnchanged } from "./support/outcome.ts";
import type { PulumiRun } from "./support/outcome.ts";
import { TestStack, UP } from "./support/testStack.ts";
import type { ConfigChange } from "./support/testStack.ts";

/** Hosts on which logins, files and sessions are not as usual. Each test starts and ends with an overlay that passes. */
describe("a host is set up once more", () => {
  let stack: TestStack;
  /** Raised by each test, so that both phases run on host02 and make its device again. */
  let generation = 0;
  const KEYS = "/home/opc/.ssh/authorized_keys";
  const HOST02 = "10.196.218.226";

  beforeAll(async () => {
    stack = await TestStack.boot("test-host-faults", REFERENCE_HOSTS);
    expectSuccess(await stack.up());
  });
  afterAll(() => stack.remove());
  beforeEach(countTries("faults"));

  const config = (change: ConfigChange = () => undefined) =>
    stack.config((e) => {
      e.hosts.host02.generation = generation;
      e.overlay.vni = 100 + generation;
      change(e);
    });

  /** Runs `up` with a raised generation of host02, which has to fail in time, and returns what it printed. */
  async function failingUp(change?: ConfigChange): Promise<string> {
    generation++;
    const startedAt = Date.now();
    const text = expectFailure(await stack.up(config(change)));
    expect(Date.now() - startedAt).toBeLessThan(180_000);
    return text;
  }

  async function expectConvergence(): Promise<void> {
    expectSuccess(await stack.up(config()));
    expect(await stack.failingPairs()).toEqual([]);
  }

  /** Puts a file of a Debian package onto host02. */
  async function copy(name: string, path: string): Promise<void> {
    const file = readFileSync(join(await debianPackage(stack.lab.cache, name), path));
    const script = `base64 -d >/${path}.new; chmod 755 /${path}.new; mv /${path}.new /${path}`;
    await runInHost(stack.lab, "host02", ["sh", "-ec", script], file.toString("base64"));
  }

  test.each([
    ["csh", [["tcsh", "bin/tcsh"]], "/bin/tcsh"],
    [
      "fish",
      [
        ["fish", "usr/bin/fish"],
        ["libpcre2-32-0", "usr/lib/x86_64-linux-gnu/libpcre2-32.so.0"],
      ],
      "/usr/bin/fish",
    ],
  ] as const)("where the login shell is %s", async (_, files, shell) => {
    for (const [name, path] of files) await copy(name, path);
    await stack.on("host02", `usermod --shell ${shell} opc`);
    generation++;
    await expectConvergence();
    await stack.on("host02", "usermod --shell /bin/bash opc");
  });

  test("where sshd, the profile and the shell's start-up file print something at each login", async () => {
    await stack.on(
      "host02",
      `echo 'Authorized use only' >/etc/issue.net; echo 'Banner /etc/issue.net' >/etc/ssh/sshd_config.d/banner.conf
      systemctl reload ssh; for file in .bashrc .profile; do cp -a /home/opc/$file /root/$file.away 2>/dev/null || true
      { echo 'echo Welcome; echo Welcome >&2'; cat /root/$file.away 2>/dev/null || true; } >/home/opc/$file; done`,
    );
    generation++;
    await expectConvergence();
  });

  test.each([
    {
      fault: "sudo wants a terminal",
      make: "echo 'Defaults requiretty' >/etc/sudoers.d/zz",
      undo: "rm /etc/sudoers.d/zz",
      error: /sudo: sorry, you must have a tty to run sudo: .* without a password and without a terminal/,
    },
    {
      fault: "sudo is not installed",
      make: "mv /usr/bin/sudo /usr/bin/sudo.away",
      undo: "mv /usr/bin/sudo.away /usr/bin/sudo",
      error: /host02: its program could not be delivered [^]*sudo: (command )?not found/,
    },
    {
      fault: "the login key is for another command only",
      make: `cp -a ${KEYS} ${KEYS}.away; sed -i 's/^/command="echo backup" /' ${KEYS}`,
      undo: `mv ${KEYS}.away ${KEYS}`,
      error:
        /host02: its program could not be delivered .*the login ran something else than what was sent, and printed "[^"]*backup.*authorized_keys/,
    },
    {
      fault: "/etc is read-only",
      make: "mount --bind /etc /etc; mount -o remount,bind,ro /etc",
      undo: "umount /etc",
      error: /overlay-host02-device[^]*Read-only file system/,
    },
  ])("not where $fault, and the next up converges", async ({ make, undo, error }) => {
    await stack.on("host02", make);
    const text = await failingUp();
    await stack.on("host02", undo);
    expect(text).toMatch(error);
    await expectConvergence();
  });

  test("not where something else takes connections to the SSH port and never speaks", async () => {
    const server = "import socket,time; s=socket.create_server(('', 2223)); time.sleep(600)";
    await stack.on(
      "host02",
      `systemd-run --unit=silent python3 -c "${server}"; iptables -I INPUT -p tcp --dport 2223 -j ACCEPT`,
    );
    const text = await failingUp((e) => (e.hosts.host02.existing.port = 2223));
    expect(text).toMatch(
      /delivered by SSH to 10\.196\.218\.226:2223, .*: it accepts TCP, and there was no SSH banner within 8 s/,
    );
    await stack.on("host02", "systemctl stop silent; iptables -D INPUT -p tcp --dport 2223 -j ACCEPT");
    await expectConvergence();
  });

  describe("in the middle of which", () => {
    /** `up` notices the loss after 70 s with the lab's plugin, and within three minutes with the official one. */
    const expectSessionLoss = (outcome: Outcome) =>
      expect(expectFailure(outcome)).toMatch(
        /overlay-host02-device: the SSH session was lost before the phase had ended: .*run pulumi up again/,
      );

    /** Starts an `up` that waits on host02 in phase device until the test has made the fault. */
    async function upUntilDevicePhase(): Promise<PulumiRun> {
      await stack.on("host02", "rm -f /run/reached /run/go-on");
      await stack.on(
        "host02",
        wrapTool(
          "/usr/bin/ip",
          "if [[ $* == *link*add* ]]; then touch /run/reached; for i in {1..300}; do [[ -e /run/go-on ]] && break; sleep 0.1; done; fi",
        ),
      );
      generation++;
      const run = stack.up(config());
      await until("phase device", 60_000, async () =>
        (await stack.on("host02", "ls /run")).includes("reached"),
      );
      return () => run;
    }

    test("another up of the stack begins: it names the lock, and the first one goes on", async () => {
      const end = await upUntilDevicePhase();
      const secondUp = await stack.pulumi(UP, config(), { isSecond: true });
      expect(expectFailure(secondUp)).toContain("the stack is currently locked by 1 lock(s)");
      await stack.on("host02", "touch /run/go-on");
      expectSuccess(await end());
      await stack.on("host02", unwrapTool("/usr/bin/ip"));
      expectUnchanged(await stack.up(config()));
      expect(await stack.failingPairs()).toEqual([]);
    });

    test("its connection is cut", async () => {
      const end = await upUntilDevicePhase();
      await onRouter(stack, addRules("forward", `ip daddr ${HOST02} drop`, `ip saddr ${HOST02} drop`));
      expectSessionLoss(await end());
      await endPartition(stack);
      await stack.on("host02", `touch /run/go-on; ${unwrapTool("/usr/bin/ip")}`);
      await expectConvergence();
    });

    test("it reboots", async () => {
      const end = await upUntilDevicePhase();
      await stack.on("host02", unwrapTool("/usr/bin/ip"));
      await restartHost(stack.lab, "host02");
      expectSessionLoss(await end());
      await stack.waitForBoot("host02");
      await expectConvergence();
    });
  });
});
