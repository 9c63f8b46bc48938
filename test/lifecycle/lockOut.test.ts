import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { waitForSsh } from "../../lab/hosts/sshProbe.ts";
import { withoutPrefix } from "../../lab/hosts/inventory.ts";
import { until } from "../../lab/system/commands.ts";
import { countTries } from "../triedCounts.ts";
import { addRules, REMOVE_RULES, unwrapTool, wrapTool } from "./support/faults.ts";
import { expectFailure, expectSuccess } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";

/**
 * An overlay network that contains the operator's own address routes the answers to every SSH connection into the
 * overlay. The operator's address is 198.51.100.10. Each test starts where the one before ended.
 */
describe("a change that cuts the operator off", () => {
  let stack: TestStack;
  const HOSTS = Object.keys(REFERENCE_HOSTS);
  beforeAll(async () => {
    stack = await TestStack.boot("test-lock-out", REFERENCE_HOSTS);
  });
  afterAll(() => stack.remove());
  beforeEach(countTries("faults"));

  /** Returns a config whose overlay is in the operator's own network. */
  const operatorsNetwork = () =>
    stack.config((e) => {
      e.overlay.cidrs = ["198.51.100.0/24"];
      e.overlay.confirmTimeout = 30;
      HOSTS.forEach((host, index) => (e.hosts[host].overlayAddresses = [`198.51.100.${index + 101}`]));
    });
  const onBoth = (script: string) => Promise.all(HOSTS.map((host) => stack.on(host, script)));
  const awaitSshOfBoth = () =>
    Promise.all(
      HOSTS.map((host) => waitForSsh(stack.lab, host, withoutPrefix(REFERENCE_HOSTS[host]?.address ?? ""))),
    );
  const overlayAddresses = () => onBoth("ip -o address show type vxlan scope global | awk '{print $2, $4}'");
  const expectConvergence = async (config?: object) => {
    expectSuccess(await stack.up(config));
    expect(await stack.failingPairs()).toEqual([]);
  };

  test("is refused by the host, which names the operator's address and has changed nothing", async () => {
    // A NIC gets its link-local address a moment after it is up.
    const state = () => onBoth("ip route show table all | grep -v fe80:; ls /etc");
    const before = await state();
    const text = expectFailure(await stack.up(operatorsNetwork()));
    expect(text).toContain("198.51.100.101/24 overlaps 198.51.100.10, the SSH client that makes this change");
    expect(text).toContain("Choose another network in cidrs");
    expect(await state()).toEqual(before);
  });

  test("is undone by the hosts when that check is disabled: a first installation disappears", async () => {
    await onBoth(
      wrapTool("/usr/bin/awk", 'if [[ "$*" == *overlaps.awk* ]]; then cat >/dev/null; exit 0; fi'),
    );
    const startedAt = Date.now();
    const text = expectFailure(await stack.up(operatorsNetwork()));
    expect(Date.now() - startedAt).toBeLessThan(90_000);
    expect(text).toMatch(
      /the change cut off the SSH session that made it: 198\.51\.100\.10 acknowledged nothing/,
    );
    await awaitSshOfBoth();
    expect(await overlayAddresses()).toEqual(["", ""]);
    expect(await onBoth("ls -d /etc/oci-vxlan /var/lib/oci-vxlan 2>/dev/null || true")).toEqual(["", ""]);
    await expectConvergence();
  });

  test("is undone by the hosts where an overlay passes traffic, and the previous config converges", async () => {
    const before = await overlayAddresses();
    const text = expectFailure(await stack.up(operatorsNetwork()));
    expect(text).toContain("phase device failed: the previous settings return");
    await awaitSshOfBoth();
    expect(await overlayAddresses()).toEqual(before);
    expect(await stack.failingPairs()).toEqual([]);
    const { counts } = await stack.up();
    expect(counts).toEqual({ unchanged: 8 });
  });

  test("is undone by the hosts' timer where they do not notice the cut session", async () => {
    await onBoth(wrapTool("/usr/bin/ss", "exit 0"));
    const before = await overlayAddresses();
    const upRun = stack.up(operatorsNetwork());
    await until("the change", 60_000, async () =>
      (await overlayAddresses()).every((address) => address.includes("198.51.100.")),
    );
    const changedAt = Date.now();
    const isUndone = async () => (await overlayAddresses()).join() === before.join();
    await until("the rollback", 60_000, isUndone, 500);
    expect(Date.now() - changedAt).toBeLessThan(45_000); // The timer's 30 s, and the rollback on a busy machine.
    await awaitSshOfBoth();
    const text = expectFailure(await upRun);
    expect(text).toMatch(/has taken the change back already|no new SSH session could confirm/);
    await onBoth(unwrapTool("/usr/bin/ss"));
    await onBoth(unwrapTool("/usr/bin/awk"));
    await expectConvergence();
  });

  const withVni = (vni: number) => stack.config((e) => Object.assign(e.overlay, { vni, confirmTimeout: 30 }));
  const hasVni = (vni: number) => `ip -d link show vxlan0 | grep -q "vxlan id ${vni}"`;
  /** Drops new SSH sessions to host02 for as long as its device has this VNI. */
  const blockNewSessionsDuring = async (vni: number) => {
    const blockWhileChanged =
      `until ${hasVni(vni)}; do sleep 0.1; done; ${addRules("input", "tcp dport 22 ct state new counter drop")}; ` +
      `while ${hasVni(vni)}; do sleep 0.1; done; ${REMOVE_RULES}`;
    const script = blockWhileChanged.replaceAll("'", `'\\''`);
    await stack.on("host02", `systemd-run --quiet --unit=block bash -c '${script}'`);
  };

  test("is undone when it keeps the old SSH session and blocks new ones", async () => {
    await blockNewSessionsDuring(300);
    const vni300 = withVni(300);
    const text = expectFailure(await stack.up(vni300));
    expect(text).toMatch(/host02: no new SSH session could confirm the change of its settings/);
    await awaitSshOfBoth();
    expect(await stack.on("host02", "ip -d -o link show vxlan0")).toContain("vxlan id 100");
    await expectConvergence();
  });

  test("is undone by the host's timer when up is killed before it confirms the change, and the next up converges", async () => {
    const succeeds = async (command: string) =>
      (await stack.on("host02", `${command} && echo yes || echo no`)) === "yes";
    await blockNewSessionsDuring(301);
    const upRun = stack.up(withVni(301));
    // Phase device already has its session, so the first new one is the confirmation's.
    const isConfirming = () => succeeds("nft list table inet fault 2>/dev/null | grep -q 'packets [1-9]'");
    await until("a session that confirms the change", 60_000, isConfirming);
    await stack.killPulumi();
    const killedAt = Date.now();
    expectFailure(await upRun);
    expect(await succeeds(hasVni(301))).toBe(true);
    await until("the rollback", 60_000, () => succeeds(hasVni(100)), 500);
    expect(Date.now() - killedAt).toBeLessThan(45_000); // The timer's 30 s, and the rollback on a busy machine.
    await awaitSshOfBoth();
    await expectConvergence(withVni(301));
    expect(await succeeds(hasVni(301))).toBe(true);
  });

  test("that a host has undone and the state has is made again by the next up", async () => {
    await stack.on("host02", "systemctl stop oci-vxlan-rollback-lab.overlay.timer 2>/dev/null || true");
    const vni301 = withVni(301);
    await expectConvergence(vni301);
    // Restore the state of an unconfirmed change, with the settings from before it, and run what the timer runs.
    await stack.on(
      "host02",
      "cd /var/lib/oci-vxlan/lab.overlay; mkdir previous; cp installation previous; " +
        "sed 's/^vni .*/vni 100/' /etc/oci-vxlan/lab.overlay/device >previous/device; " +
        "/usr/local/sbin/oci-vxlan roll-back lab.overlay $(sha256sum </etc/oci-vxlan/lab.overlay/device | cut -d' ' -f1)",
    );
    expect(await stack.on("host02", "ip -d -o link show vxlan0")).toContain("vxlan id 100");
    const { counts, text } = expectSuccess(await stack.up(vni301));
    expect(counts).toEqual({ unchanged: 8 });
    expect(text).toContain("host02 had lost settings of the stack, or had others, and was set up again");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("leaves nothing that destroy does not remove", async () => {
    expectSuccess(await stack.destroy());
    expect(await overlayAddresses()).toEqual(["", ""]);
    expect(await onBoth("systemctl list-units --all --no-legend 'oci-vxlan*'")).toEqual(["", ""]);
  });
});
