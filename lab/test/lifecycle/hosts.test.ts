import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { REFERENCE_HOSTS } from "../../cli/existingHosts.ts";
import { removeLab } from "../../cli/teardown.ts";
import { startHosts } from "../../hosts/boot.ts";
import { runInHost } from "../../hosts/exec.ts";
import type { Inventory } from "../../hosts/inventory.ts";
import { killHost, rebootHost } from "../../hosts/power.ts";
import { unreachability, waitForSsh } from "../../hosts/sshProbe.ts";
import { statusOf } from "../../hosts/status.ts";
import { isRunning } from "../../hosts/supervisor.ts";
import { inNetwork, namespacesOf } from "../../network/network.ts";
import { sshArgv } from "../../pulumi/ssh.ts";
import { attempt, run } from "../../system/commands.ts";
import { openLab, ROOT } from "../../system/lab.ts";
import type { Lab } from "../../system/lab.ts";
import { killProcesses } from "../../system/processes.ts";
import { silentProgress } from "../../system/progress.ts";

/** The lab's existing hosts, and the network between them, which has to drop what Oracle's network drops. */
describe("the lab's hosts", () => {
  let lab: Lab;
  const on = (host: string, script: string) => runInHost(lab, host, ["sh", "-ec", script]);
  const HOST01 = REFERENCE_HOSTS["host01"] as Inventory[string];
  /** Runs an action while a script replaces a command of this machine. */
  const withTool = async (name: string, script: string, action: () => Promise<unknown>) => {
    const tools = join(lab.directory, "tools");
    mkdirSync(tools);
    writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const path = process.env["PATH"];
    process.env["PATH"] = `${tools}:${path}`;
    try {
      await action();
    } finally {
      process.env["PATH"] = path;
      rmSync(tools, { recursive: true });
    }
  };

  beforeAll(async () => {
    await removeLab(openLab("test-hosts"));
    lab = openLab("test-hosts");
    await startHosts(lab, REFERENCE_HOSTS, silentProgress);
  });
  afterAll(() => removeLab(lab));

  test("have the reference environment's addresses, masks, MACs and NICs", async () => {
    expect(await on("host01", "ip -o -4 address show eth0")).toContain("10.196.218.222/30");
    expect(await on("host01", "ip -o link show eth0")).toContain("link/ether c6:b0:e9:14:c2:ae");
    expect(await on("host02", "ip -o -4 address show eth0")).toContain("10.196.218.226/30");
    expect(await on("host02", "ip -o link show eth0")).toContain("link/ether c6:b0:ae:55:e4:10");
  });

  test("run with the kernel's limits raised for many hosts on this machine", async () => {
    const readLimit = async (name: string) => Number(await run(["sysctl", "-n", name]));
    expect(await readLimit("fs.inotify.max_user_instances")).toBeGreaterThanOrEqual(8_192);
    expect(await readLimit("net.ipv4.neigh.default.gc_thresh3")).toBeGreaterThanOrEqual(65_536);
  });

  test("are probed without the caller's ~/.bashrc, which may do anything", async () => {
    const home = join(lab.directory, "home");
    mkdirSync(home);
    writeFileSync(join(home, ".bashrc"), "exit 1\n");
    vi.stubEnv("HOME", home);
    vi.stubEnv("SHLVL", "0");
    try {
      expect(await unreachability(lab, "host01", "10.196.218.222")).toBeUndefined();
    } finally {
      vi.unstubAllEnvs();
      rmSync(home, { recursive: true });
    }
  });

  test("really boot: systemd is up, cloud-init is done, opc logs in by SSH and may use sudo", async () => {
    expect(await on("host01", "systemctl is-system-running --wait")).toBe("running");
    expect(await on("host01", "cloud-init status")).toBe("status: done");
    const { stdout, exitCode } = await attempt(sshArgv(lab, "10.196.218.222", ["id -un; sudo -n id -un"]));
    expect([exitCode, stdout]).toEqual([0, "opc\nroot"]);
  });

  test("have a firewall that ends in REJECT: ping passes and TCP does not", async () => {
    await on("host01", "ping -c1 -W2 10.196.218.226");
    await expect(on("host01", "timeout 3 bash -c '</dev/tcp/10.196.218.226/80'")).rejects.toThrow(
      /No route to host/,
    );
  });

  test("reach each other with 9000 bytes, and the outside with 1500", async () => {
    await on("host01", "ping -c1 -W2 -M do -s 8972 10.196.218.226");
    await expect(on("host01", "ping -c1 -W2 -M do -s 1473 198.51.100.10")).rejects.toThrow(/failed/);
    await on("host01", "ping -c1 -W2 -M do -s 1472 198.51.100.10");
  });

  describe("exchange unicast only", () => {
    /** The number of matching packets that arrive on host02 while host01 sends. */
    const countArrivals = async (match: string, send: () => Promise<unknown>): Promise<number> => {
      await on(
        "host02",
        `nft 'add table inet arrivals; add chain inet arrivals c { type filter hook prerouting priority -400; }'`,
      );
      await on("host02", `nft add rule inet arrivals c ${match} counter`);
      await send();
      // Packets keep their order, so after the answer to this ping no earlier packet is under way.
      await on("host01", "ping -c1 -W2 10.196.218.226");
      const rules = await on("host02", "nft list table inet arrivals; nft delete table inet arrivals");
      return Number(/packets (\d+)/.exec(rules)?.[1]);
    };
    const send = (kind: string, to: string, protocol: number) =>
      on(
        "host01",
        `python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, ${protocol})
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
[s.sendto(b'${kind}' * 8, ('${to}', 0)) for _ in range(3)]"`,
      );

    test("a unicast packet of an unusual protocol arrives", async () => {
      expect(await countArrivals("ip protocol 253", () => send("plain", "10.196.218.226", 253))).toBe(3);
    });
    test("GRE does not arrive", async () => {
      expect(await countArrivals("ip protocol gre", () => send("gre", "10.196.218.226", 47))).toBe(0);
      expect(await inNetwork(lab.namespace("router"), "nft list counter inet ocivx gre")).toMatch(
        /packets 3/,
      );
    });
    test("multicast does not arrive", async () => {
      expect(await countArrivals("ip daddr 239.1.1.1", () => send("mc", "239.1.1.1", 253))).toBe(0);
    });
    test("broadcast does not arrive", async () => {
      expect(await countArrivals("ip daddr 255.255.255.255", () => send("bc", "255.255.255.255", 253))).toBe(
        0,
      );
      expect(await countArrivals("ip daddr 10.196.218.227", () => send("bc", "10.196.218.227", 253))).toBe(0);
    });
    test("a packet whose source is not its VNIC's address does not arrive", async () => {
      await on("host01", "ip address add 10.9.9.9/32 dev lo");
      expect(
        await countArrivals("ip saddr 10.9.9.9", () =>
          on("host01", "ping -c1 -W1 -I 10.9.9.9 10.196.218.226 || true"),
        ),
      ).toBe(0);
      expect(await inNetwork(lab.namespace("router"), "nft list counter inet ocivx spoofed")).toMatch(
        /packets [1-9]/,
      );
    });
  });

  test("reboot into a new network namespace", async () => {
    await on("host01", "ip link add before type bridge");
    await rebootHost(lab, "host01", HOST01);
    expect(await on("host01", "ip -o link show")).not.toContain("before");
    expect(await on("host01", "ip -o -4 address show eth0")).toContain("10.196.218.222/30");
  });

  test("are not changed by a second start", async () => {
    const boots = () =>
      Promise.all(
        ["host01", "host02"].map((host) =>
          on(host, "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat"),
        ),
      );
    const before = await boots();
    await startHosts(lab, REFERENCE_HOSTS, silentProgress);
    expect(await boots()).toEqual(before);
  });

  test("start again after a power cut, and after their supervisor was killed", async () => {
    await killHost(lab, "host02");
    expect(isRunning(lab, "host02")).toBe(false);
    const pid = Number(readFileSync(`${lab.directory}/hosts/host01/supervisor.pid`, "utf8").split(" ")[0]);
    await killProcesses([pid]);
    await startHosts(lab, REFERENCE_HOSTS, silentProgress);
    await waitForSsh(lab, "host01", "10.196.218.222");
    await on("host01", "ping -c1 -W2 10.196.218.226");
  });

  test("take less than 60 MB each", async () => {
    for (const host of ["host01", "host02"]) {
      await on(host, "systemctl is-system-running --wait >/dev/null || true");
      expect((await statusOf(lab, host)).megabytes).toBeLessThan(60);
    }
  });

  test("that reboot again and again are left off, and the error quotes their log", async () => {
    await killHost(lab, "host02");
    await withTool("systemd-nspawn", "exit 133", () =>
      expect(startHosts(lab, REFERENCE_HOSTS, silentProgress)).rejects.toThrow(
        /^host02 stopped while booting, .*host02 booted 10 times within a minute and is left off/,
      ),
    );
    await startHosts(lab, REFERENCE_HOSTS, silentProgress);
  });

  test("can be removed if their namespace disappears during the removal", async () => {
    const [ip = ""] = (await run(["which", "ip"])).split("\n");
    const disappearing = `if [ "$1 $2" = "netns pids" ]; then ${ip} netns del "$3"; fi; exec ${ip} "$@"`;
    await withTool("ip", disappearing, async () => {
      expect(await statusOf(lab, "host02")).toMatchObject({ isRunning: true, megabytes: 0 });
      await killHost(lab, "host02");
    });
    expect(isRunning(lab, "host02")).toBe(false);
    expect(namespacesOf(lab)).not.toContain(lab.namespace("h-host02"));
    await startHosts(lab, REFERENCE_HOSTS, silentProgress);
  });

  test("leave no namespace, mount, process or file after their removal", async () => {
    await removeLab(lab);
    expect(namespacesOf(lab)).toEqual([]);
    expect(existsSync(lab.directory)).toBe(false);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(lab.directory);
    expect((await execa("pgrep", ["-f", lab.directory], { reject: false })).stdout).toBe("");
    lab = openLab("test-hosts");
  });

  test("leave no mount of /run/netns on a machine that had no namespaces before", async () => {
    const module = join(ROOT, "lab/network/namespaces.ts");
    const script = `
      import { addNamespace, releaseMount } from ${JSON.stringify(module)};
      import { execFileSync } from "node:child_process";
      import { readFileSync } from "node:fs";
      const cache = ${JSON.stringify(lab.directory)};
      const isMounted = () => readFileSync("/proc/mounts", "utf8").includes(" /run/netns ");
      const results = [isMounted()];
      await addNamespace({ cache }, "one");
      results.push(isMounted());
      await releaseMount(cache);
      results.push(isMounted());
      execFileSync("ip", ["netns", "del", "one"]);
      await releaseMount(cache);
      results.push(isMounted());
      console.log(JSON.stringify(results));`;
    // A mount namespace with an empty /run, as on a machine without network namespaces.
    const emptyRun = [
      "--mount",
      "--propagation=private",
      "sh",
      "-c",
      'while umount --recursive --lazy /run/netns; do :; done 2>/dev/null; mount -t tmpfs run /run && exec "$@"',
      "sh",
    ];
    const { stdout } = await execa("unshare", [
      ...emptyRun,
      process.execPath,
      "--input-type=module-typescript",
      "-e",
      script,
    ]);
    expect(JSON.parse(stdout)).toEqual([false, true, true, false]);
  });
});
