import { describe, expect, test } from "vitest";
import { devicePhase } from "../../components/vxlan/phases/device.ts";
import { delivery } from "../../components/vxlan/phases/install.ts";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import { PROGRAM } from "../../components/vxlan/phases/phase.ts";
import { RELEASE } from "../../components/vxlan/release.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { countTries } from "../triedCounts.ts";
import { DEVICE_PHASE } from "./namespace.ts";
import {
  HOST,
  OTHER,
  OVERLAY,
  PEER,
  RESOURCE,
  SECOND,
  check,
  device,
  files,
  host,
  install,
  linkWord,
  kernel,
  ownerOf,
  remove,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

/** The commands of `up` and `destroy` for the device of the host. */
const PHASE = devicePhase(
  { overlay: OVERLAY, owner: ownerOf(OVERLAY) },
  RESOURCE,
  withDefaults({ cidrs: ["192.168.0.0/24"], pathProbes: false }),
  HOST,
  { generation: 0 },
);

useHostForEachTest();

describe("installation", () => {
  /** Puts both scripts there that `up` sends for phase device, the delivery of the program and the phase itself. */
  const asScript = Object.entries({ delivery: delivery(RESOURCE).input, script: PHASE.stdin })
    .map(([name, text]) => `base64 -d >/run/${name} <<<${Buffer.from(text).toString("base64")}`)
    .join("; ");

  test("is readable by every login user, although the umask here makes new files private", async () => {
    await host.on("rm -rf /usr/local/lib/oci-vxlan /usr/local/sbin");
    await host.on(`${asScript}; umask 077; bash /run/delivery; bash /run/script`);
    const asNobody = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    await host.on(
      `${asNobody} test -x ${PROGRAM}; ${asNobody} cat /usr/local/lib/oci-vxlan/service.sh >/run/unit`,
    );
  });

  /** Runs all that phase device sends, as `up` does. */
  const runScript = async () => {
    const status = await host.on(
      "bash /run/delivery >/dev/null; status=0; bash /run/script >/run/stdout 2>/run/stderr || status=$?; echo $status",
    );
    return { status, stderr: await host.on("cat /run/stderr") };
  };

  test("waits for a unit of an older version, which holds another lock", async () => {
    await install();
    await host.on(`${asScript}; rm /usr/local/lib/oci-vxlan/lock.sh`);
    const waitForWaiter = "until grep -qe '->' /proc/locks; do sleep 0.1; done";
    host.start(["flock", "/root", "sh", "-c", `touch /run/held; ${waitForWaiter}; touch /run/done`]);
    await host.on("until [ -e /run/held ]; do :; done");
    // The first thing that the installation changes.
    await host.on("echo older >/usr/local/lib/oci-vxlan/service.sh");
    const markerFile = host.on(
      "until ! grep -qx older /usr/local/lib/oci-vxlan/service.sh; do :; done; ls /run/done",
    );
    expect(await runScript()).toMatchObject({ status: "0" });
    expect(await markerFile).toBe("/run/done");
  });

  test("does not wait long for a lock of older versions that any user can hold", async () => {
    await install();
    await host.on(`${asScript}; rm /usr/local/lib/oci-vxlan/lock.sh`);
    const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    host.start([...asNobody, "flock", "/usr/local/lib", "sh", "-c", "touch /tmp/held; sleep 60"]);
    await host.on("until [ -e /tmp/held ]; do :; done");
    expect(await runScript()).toMatchObject({ status: "0" });
  });

  test("of an older version is refused where another overlay needs a newer one, and nothing changes", async () => {
    await install();
    await install({ overlay: SECOND, settings: { device: "vxlan1", vni: 101 } });
    await host.on(`${asScript}; echo 77 >/var/lib/oci-vxlan/${SECOND}/version`);
    const before = await files();
    const { status, stderr } = await runScript();
    expect(status).toBe("1");
    expect(stderr).toMatch(
      /overlay lab\.second on \S+ needs version 77 of the program or a newer one, and this checkout would install version \d+: update it/,
    );
    expect(await files()).toBe(before);
    expect(await host.on("find / -xdev -name '*.new'")).toBe("");
    await remove(SECOND);
    expect(await runScript()).toMatchObject({ status: "0" });
  });

  test("of an older version than its own stack had before is done, with a warning in up", async () => {
    const { installation } = await install();
    await host.on(`${asScript}; echo 77 >/var/lib/oci-vxlan/${OVERLAY}/version`);
    expect((await runScript()).stderr).toMatch(
      /warning: \S+ had version 77 of the program, and got version \d+ from an older checkout/,
    );
    const { stdout } = await check(installation);
    expect(stdout).toContain("oci-vxlan warning: ");
    expect(await runScript()).toEqual({ status: "0", stderr: "" });
  });

  test("of an older release than another overlay's stack has is done, with a warning in up", async () => {
    const { installation } = await install();
    await install({ overlay: SECOND, settings: { device: "vxlan1", vni: 101 } });
    const program = await host.on(`sed -n 's/^VERSION=\\([0-9]*\\).*/\\1/p' ${PROGRAM}`);
    const setRelease = (release: string) =>
      host.on(`printf '%s\\n' ${program} ${release} >/var/lib/oci-vxlan/${SECOND}/version`);
    expect(await host.on(`cat /var/lib/oci-vxlan/${SECOND}/version`)).toBe(`${program}\n${RELEASE}`);
    await host.on(asScript);
    for (const older of [`${RELEASE}-rc.1`, "0.0.9"]) {
      await setRelease(older);
      expect(await runScript()).toEqual({ status: "0", stderr: "" });
    }
    await setRelease("77.0.0");
    const warning = `had release 77.0.0 of the program, and got ${RELEASE} from an older checkout`;
    expect((await runScript()).stderr).toContain(warning);
    expect((await check(installation)).stdout).toContain(warning);
    await remove(SECOND);
    expect(await runScript()).toEqual({ status: "0", stderr: "" });
  });

  test("removes the files that other versions had", async () => {
    await install();
    await host.on(`${asScript}; touch /usr/local/lib/oci-vxlan/{watch.sh,device.sh.new}`);
    await runScript();
    const parts = (await host.on("ls /usr/local/lib/oci-vxlan")).split("\n");
    expect(parts).toContain("device.sh");
    expect(parts.filter((name) => /watch|new/.test(name))).toEqual([]);
  });

  test("puts back each file of the program that is another, and takes none that a killed run has left", async () => {
    await install();
    const program = () =>
      host.on("cd /usr/local/lib/oci-vxlan; stat -c '%a %n' * .; sha256sum *; find / -xdev -name '*.new'");
    const before = await program();
    await host.on(
      `${asScript}; cd /usr/local/lib/oci-vxlan; echo >>fdb.sh; sed -i 's/Part/part/' settings.sh; rm lock.sh; chmod 600 paths.sh
      mv guard.sh /root; ln -s /root/guard.sh; mkdir ../oci-vxlan.new; echo exit >../oci-vxlan.new/device.sh; echo exit >${PROGRAM}.new`,
    );
    expect(await program()).not.toBe(before);
    await runScript();
    expect(await program()).toBe(before);
  });

  test.each([
    ["/etc", 4],
    ["/var/lib", 4],
    ["/usr/local", 16],
  ])("on a disk that is full below %s leaves nothing, at whatever file it is full", async (folder, step) => {
    await host.on(
      `${asScript}; mkdir -p /etc/NetworkManager/conf.d
      rm -rf /usr/local/lib/oci-vxlan ${PROGRAM} /etc/systemd/system/oci-vxlan@.service /run/oci-vxlan
      cp -a ${folder} /run/copy; mount -t tmpfs tmpfs ${folder}; cp -a /run/copy/. ${folder}`,
    );
    const usedKilobytes = Number(await host.on(`df --output=used ${folder} | tail -1`));
    const traces = () =>
      host.on(
        "find /etc /var/lib /usr/local /run -name '*oci-vxlan*' -o -name '*.new'; ip -o link show type vxlan; nft list tables",
      );
    const before = await traces();
    let failures = 0;
    for (let space = 0; ; space += step) {
      expect(space).toBeLessThan(400);
      await host.on(`mount -o remount,size=${usedKilobytes + 4 + space}k ${folder}`);
      const { status, stderr } = await runScript();
      if (status === "0") break;
      failures++;
      expect(stderr).toContain("No space left");
      expect(await traces(), `${space} KB: ${stderr}`).toBe(before);
    }
    expect(failures).toBeGreaterThan(2);
    expect(await host.on("ip -o link show type vxlan")).toContain("vxlan0");
  });

  test("has its program where SELinux lets systemd run it: in sbin, not in lib", async () => {
    await device();
    const commands = await host.on(
      "sed -n 's/^Exec[A-Za-z]*=[-+!@:]*//p' /etc/systemd/system/oci-vxlan@.service",
    );
    for (const command of commands.split("\n")) expect(command).toMatch(/^\/usr\/local\/sbin\//);
  });
});

describe("removal", () => {
  test.each([
    ["the program", `rm ${PROGRAM}`],
    ["a part of it", "rm /usr/local/lib/oci-vxlan/service.sh"],
  ])("fails where %s is lost and the overlay is not, and is done where there is nothing", async (_, lose) => {
    await install();
    await host.on(lose);
    await expect(host.on(PHASE.delete)).rejects.toThrow("failed with 127");
    await host.installProgram();
    await host.on(PHASE.delete);
    await host.on(PHASE.delete);
    expect(await host.on("ip -o link show type vxlan")).toBe("");
  });

  test("removes the peers of its own installation only", async () => {
    const { installation } = await install();
    const cleanState = await kernel();
    const otherInstallationRun = await host.program(["remove-peers", OVERLAY, "another"]);
    expect([otherInstallationRun.exitCode, otherInstallationRun.stderr]).toEqual([
      0,
      expect.stringContaining("of another installation and stay"),
    ]);
    expect(await kernel()).toBe(cleanState);
    expect((await host.program(["remove-peers", OVERLAY, installation, RESOURCE])).exitCode).toBe(0);
    expect(await kernel()).not.toContain(PEER.mac);
    expect(await host.on("nft list table ip oci-vxlan")).not.toContain(PEER.underlayAddress);
  });

  test("removes the device of its own owner only, and the program with the last overlay", async () => {
    const state = () =>
      host.on(
        "ip -o link show type vxlan; nft list ruleset; iptables -S; ip6tables -S; systemctl show oci-vxlan@lab.overlay.service | grep -v ^Id=; " +
          "find /etc /var/lib /usr/local /run -xdev -path /run/fakes -prune -o -print 2>/dev/null | sort",
      );
    await host.on("iptables -A INPUT -j REJECT; ip6tables -A INPUT -j REJECT");
    // The tests put the program on a bare host; in `up` the device phase installs it.
    const before = (await state()).split("\n").filter((line) => !/oci-vxlan/.test(line));
    await install();
    await install({ overlay: SECOND, settings: { device: "vxlan1", vni: 101, port: 4790 } });
    const otherResourceRun = await host.program(["remove-device", OVERLAY, "someone/else"]);
    expect(otherResourceRun.stderr).toContain("belongs to oci-vxlan/lab/lab.overlay and stays");
    await remove();
    expect(await host.on("ip -o link show type vxlan")).toMatch(/vxlan1[^\n]*$/);
    expect(await host.on(`ls /usr/local/lib/oci-vxlan ${PROGRAM}`)).toContain("service.sh");
    // Of runs that were killed while they wrote.
    await host.on(
      `touch /etc/systemd/system/oci-vxlan@.service.new ${PROGRAM}.new /etc/systemd/network/05-oci-vxlan-${SECOND}.link.new
      mkdir /usr/local/lib/oci-vxlan.new; touch /usr/local/lib/oci-vxlan.new/device.sh`,
    );
    await remove(SECOND);
    expect((await state()).split("\n")).toEqual(before);
  });

  test("is finished by the next removal after it was interrupted", async () => {
    await install();
    const restoreNft = await host.wrap("/usr/sbin/nft", '[[ $1 != delete ]] || exit 1; exec $REAL "$@"');
    expect((await host.program(["remove-device", OVERLAY, ownerOf(OVERLAY), RESOURCE])).exitCode).not.toBe(0);
    await restoreNft();
    await host.on("nft list table ip oci-vxlan");
    await remove();
    expect(
      await host.on(
        "nft list tables | grep vxlan || true; ls -d /etc/oci-vxlan /var/lib/oci-vxlan /usr/local/lib/oci-vxlan 2>/dev/null || true",
      ),
    ).toBe("");
  });

  test("goes on where NetworkManager does not answer", async () => {
    await host.on("mkdir -p /etc/NetworkManager/conf.d; systemctl start NetworkManager.service");
    await host.wrap("/usr/bin/systemctl", '[[ $1 != reload ]] || exit 1; exec $REAL "$@"');
    await install();
    await remove();
    expect(await host.on("ls -d /etc/oci-vxlan /usr/local/lib/oci-vxlan 2>/dev/null || true")).toBe("");
  });

  test("is no failure where nothing is left to remove", async () => {
    await device();
    for (const args of [
      ["remove-peers", SECOND, "any", RESOURCE],
      ["remove-device", SECOND, ownerOf(SECOND), RESOURCE],
    ]) {
      const { exitCode, stderr } = await host.program(args);
      expect([exitCode, stderr]).toEqual([0, expect.stringMatching(/there (are|is) no .* to remove/)]);
    }
  });
});

describe("an error says what is wrong, where, and what to do", () => {
  const refusalText = async (text: string, overlay = OVERLAY) => {
    const { exitCode, stderr, stdout } = await host.devicePhase(overlay, text);
    expect(exitCode).toBe(1);
    expect(stdout).toBe("");
    return stderr;
  };

  test("for a device that another program made, and nothing stays of the attempt", async () => {
    await host.on("ip link add vxlan0 type vxlan id 7 dstport 4790 dev eth0");
    expect(await refusalText(settingsOf())).toMatch(
      /vxlan0 on \S+ is there already and was not made by oci-vxlan: remove it with/,
    );
    expect(await host.on("ip -d -o link show vxlan0")).toContain("vxlan id 7 ");
    expect(
      await host.on(
        "ls -d /etc/oci-vxlan /var/lib/oci-vxlan /usr/local/lib/oci-vxlan /etc/systemd/system/oci-vxlan* 2>/dev/null || true",
      ),
    ).toBe("");
  });
  test("a device of another overlay", async () => {
    await device();
    expect(await refusalText(settingsOf({ overlay: SECOND }), SECOND)).toMatch(
      /vxlan0 on \S+ belongs to oci-vxlan\/lab\/lab\.overlay/,
    );
  });
  test("a VNI of another overlay at the same port", async () => {
    await device();
    expect(
      await refusalText(settingsOf({ overlay: SECOND, settings: { device: "vxlan1" } }), SECOND),
    ).toMatch(/VNI 100 at port 4789 on \S+ belongs to oci-vxlan\/lab\/lab\.overlay: choose another vni/);
  });
  test("an underlay address that no NIC carries", async () => {
    const text = settingsOf().replace("10.196.218.222", "10.196.218.230");
    expect(await refusalText(text)).toMatch(
      /no interface of \S+ carries the underlay address 10\.196\.218\.230; it has eth0 10\.196\.218\.222\/30/,
    );
  });
  test("an MTU that the NIC does not carry", async () => {
    await host.on("ip link set eth0 mtu 1500");
    expect(await refusalText(settingsOf({ settings: { mtu: 8950 } }))).toMatch(
      /mtu 8950 does not fit on \S+: eth0 carries 1500 bytes.* set mtu to 1450 or less/,
    );
  });
  test("an MTU that a jumbo NIC of 9,001 bytes does not carry; what it carries is set", async () => {
    await host.on("ip link set eth0 mtu 9001");
    expect(await refusalText(settingsOf({ settings: { mtu: 8952 } }))).toMatch(
      /mtu 8952 does not fit on \S+: eth0 carries 9001 bytes.* set mtu to 8951 or less/,
    );
    await host.installProgram();
    await device({ settings: { mtu: 8951 } });
    expect(await linkWord("mtu")).toBe("8951");
  });
  test("for a list of peers that did not arrive whole, and the peers from before stay", async () => {
    const { installation } = await install();
    const cleanState = [await kernel(), await files()];
    const text = peersSettings(RESOURCE, { installation, mtu: 8950, peers: [PEER, OTHER] });
    for (let end = 0; end < text.length - 1; end += 40) {
      const { exitCode, stderr } = await host.program(["peers", OVERLAY], text.slice(0, end));
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining("did not arrive whole")]);
    }
    expect([await kernel(), await files()]).toEqual(cleanState);
  });
  test("a first device phase that takes too long leaves nothing", async () => {
    await host.wrap("/usr/bin/systemctl", '[[ $1 != restart ]] || sleep 30; exec $REAL "$@"');
    await host.on(`cat >/run/settings <<'END'\n${settingsOf()}END`);
    const status = await host.on(
      `status=0; timeout -k 20 2 ${DEVICE_PHASE} ${OVERLAY} </run/settings >/run/output 2>&1 || status=$?; echo $status`,
    );
    expect(status, await host.on("cat /run/output")).toBe("124");
    expect(
      await host.on(
        "ip -o link show type vxlan; nft list tables | grep vxlan || true; ls -d /etc/oci-vxlan /var/lib/oci-vxlan /usr/local/lib/oci-vxlan 2>/dev/null || true",
      ),
    ).toBe("");
  });
  test.for(["nft", "bridge", "ip", "flock", "cmp"])("a host without %s", async (tool, { task }) => {
    countTries("faults")({ task });
    await host.on(`rm $(type -aP ${tool} | xargs realpath | sort -u)`);
    expect(await refusalText(settingsOf())).toMatch(new RegExp(`has no ${tool}: install nftables, iproute2`));
  });
  test("peers of another installation", async () => {
    await device();
    const { exitCode, stderr } = await host.program(
      ["peers", OVERLAY],
      peersSettings(RESOURCE, { installation: "old", mtu: 8950, peers: [PEER] }),
    );
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/was installed anew since its device phase: run pulumi up again/),
    ]);
  });
});
