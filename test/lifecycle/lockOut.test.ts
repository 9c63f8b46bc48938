import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../lab/system/commands.ts";
import { awaitSsh, plain } from "../../lab/hosts/hosts.ts";
import { MEMO } from "../../lab/cli/existingHosts.ts";
import { TestEnvironment } from "./environment.ts";
import type { Outcome } from "./environment.ts";

/**
 * An overlay network that holds the operator's own address takes the answers to every SSH connection into the overlay. Each
 * test goes on where the one before stopped; the operator is at 198.51.100.10.
 */
describe("nobody is locked out", () => {
  let env: TestEnvironment;
  const HOSTS = Object.keys(MEMO);
  beforeAll(async () => {
    env = await TestEnvironment.boot("test-lock-out", MEMO);
  });
  afterAll(() => env.remove());

  /** The overlay on the operator's own network. */
  const swallowing = () =>
    env.config((e) => {
      e.overlay.cidrs = ["198.51.100.0/24"];
      e.overlay.confirmTimeout = 30;
      HOSTS.forEach((host, index) => (e.hosts[host].overlayAddresses = [`198.51.100.${index + 101}`]));
    });
  const onAll = (script: string) => Promise.all(HOSTS.map((host) => env.on(host, script)));
  const reachable = () =>
    Promise.all(HOSTS.map((host) => awaitSsh(env.lab, host, plain(MEMO[host]?.address ?? ""))));
  const links = () => onAll("ip -o address show type vxlan scope global | awk '{print $2, $4}'");
  const converges = async (outcome: Promise<Outcome>) => {
    const { exitCode, text } = await outcome;
    expect(exitCode, text).toBe(0);
    expect(await env.failing()).toEqual([]);
  };
  /** Puts a script in a tool's place on every host, where $REAL is the tool; the second takes it back. */
  const wrap = (tool: string, script: string) =>
    onAll(
      `mv ${tool} ${tool}.real; printf '#!/bin/bash\nREAL=${tool}.real\n${script}\nexec $REAL "$@"\n' >${tool}; chmod 755 ${tool}`,
    );
  const unwrap = (tool: string) => onAll(`mv ${tool}.real ${tool}`);
  const withoutHostCheck = () =>
    wrap("/usr/bin/awk", '[[ "$*" != *overlaps.awk* ]] || { cat >/dev/null; exit 0; }');

  test("the host refuses it by name, before its first change", async () => {
    const before = await onAll("ip route show table all; ls /etc");
    const { exitCode, text } = await env.up(swallowing());
    expect(exitCode).not.toBe(0);
    expect(text).toContain("198.51.100.101/24 overlaps 198.51.100.10, the SSH client that makes this change");
    expect(text).toContain("Choose another network in cidrs");
    expect(await onAll("ip route show table all; ls /etc")).toEqual(before);
  });

  test("with that check taken away, the hosts cut themselves off, see it, and undo a first installation", async () => {
    await withoutHostCheck();
    const started = Date.now();
    const { exitCode, text } = await env.up(swallowing());
    expect(exitCode).not.toBe(0);
    expect(Date.now() - started).toBeLessThan(90_000);
    expect(text).toMatch(
      /the change cut off the SSH session that made it: 198\.51\.100\.10 acknowledged nothing/,
    );
    await reachable();
    expect(await links()).toEqual(["", ""]);
    expect(await onAll("ls -d /etc/oci-vxlan /var/lib/oci-vxlan 2>/dev/null || true")).toEqual(["", ""]);
    await converges(env.up());
  });

  test("a change of an overlay that passes is undone likewise, and the config from before converges", async () => {
    const before = await links();
    const { exitCode, text } = await env.up(swallowing());
    expect(exitCode).not.toBe(0);
    expect(text).toContain("phase device failed: the previous settings return");
    await reachable();
    expect(await links()).toEqual(before);
    expect(await env.failing()).toEqual([]);
    const { counts } = await env.up();
    expect(counts).toEqual({ unchanged: 7 });
  });

  test("where the host does not see it either, its timer takes the change back", async () => {
    await wrap("/usr/bin/ss", "exit 0");
    const before = await links();
    const running = env.up(swallowing());
    await until("the cut", 60_000, async () => (await links()).every((link) => link.includes("198.51.100.")));
    const cut = Date.now();
    await until("the end of the cut", 60_000, async () => (await links()).join() === before.join(), 500);
    expect(Date.now() - cut).toBeLessThan(45_000); // The timer's 30 s, and what the way back takes on a busy machine.
    await reachable();
    const { exitCode, text } = await running;
    expect(exitCode).not.toBe(0);
    expect(text).toMatch(/has taken the change back already|no new SSH session could confirm/);
    await unwrap("/usr/bin/ss");
    await unwrap("/usr/bin/awk");
    await converges(env.up());
  });

  test("a change after which only new sessions fail is taken back too", async () => {
    const rule =
      "nft 'add table inet trap; add chain inet trap c { type filter hook input priority -50; }; add rule inet trap c tcp dport 22 ct state new drop'";
    const trap = `until ip -d link show vxlan0 | grep -q "vxlan id 300"; do sleep 0.1; done; ${rule}; while ip -d link show vxlan0 | grep -q "vxlan id 300"; do sleep 0.1; done; nft delete table inet trap`;
    await env.on("host02", `systemd-run --quiet --unit=trap bash -c '${trap.replaceAll("'", `'\\''`)}'`);
    const { exitCode, text } = await env.up(
      env.config((e) => Object.assign(e.overlay, { vni: 300, confirmTimeout: 30 })),
    );
    expect(exitCode).not.toBe(0);
    expect(text).toMatch(/host02: no new SSH session could confirm the change of its settings/);
    await reachable();
    expect(await env.on("host02", "ip -d -o link show vxlan0")).toContain("vxlan id 100");
    await converges(env.up());
  });

  test("a run that is killed between a change and its confirmation is taken back, and the next up converges", async () => {
    await env.on("host02", "systemctl stop oci-vxlan-rollback-lab.overlay.timer 2>/dev/null || true");
    const config = env.config((e) => Object.assign(e.overlay, { vni: 301, confirmTimeout: 30 }));
    await converges(env.up(config));
    // As if nobody had confirmed it: the settings from before are still there, and the timer fires.
    await env.on(
      "host02",
      "cd /var/lib/oci-vxlan/lab.overlay; mkdir previous; cp installation previous; sed 's/^vni .*/vni 100/' /etc/oci-vxlan/lab.overlay/device >previous/device; /usr/local/sbin/oci-vxlan roll-back lab.overlay $(sha256sum </etc/oci-vxlan/lab.overlay/device | cut -d' ' -f1)",
    );
    expect(await env.on("host02", "ip -d -o link show vxlan0")).toContain("vxlan id 100");
    const { exitCode, text, counts } = await env.up(config);
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ unchanged: 7 });
    expect(text).toContain("host02 had lost settings of the stack, or had others, and was set up again");
    expect(await env.failing()).toEqual([]);
  });

  test("down removes the lab and destroy the overlay after all of that", async () => {
    const { exitCode, text } = await env.destroy();
    expect(exitCode, text).toBe(0);
    expect(await links()).toEqual(["", ""]);
    expect(await onAll("systemctl list-units --all --no-legend 'oci-vxlan*'")).toEqual(["", ""]);
  });
});
