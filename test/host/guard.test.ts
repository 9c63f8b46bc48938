import { describe, expect, test } from "vitest";
import { confirmCommand } from "../../components/vxlan/phases/device.ts";
import { PROGRAM, digestOf } from "../../components/vxlan/phases/phase.ts";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import { until } from "../../lab/system/commands.ts";
import { DEVICE_PHASE } from "./namespace.ts";
import {
  OVERLAY,
  PEER,
  RESOURCE,
  check,
  device,
  host,
  install,
  kernel,
  reconcile,
  remove,
  settingsOf,
  state,
  useHostForEachTest,
} from "./overlay.ts";

/** A change that fails, or that cuts off the session that makes it, leaves the host as it was. */

useHostForEachTest();

const program = (args: string[], input = "") => host.program(args, input);
const confirm = (settings = settingsOf()) => host.runSent(confirmCommand({ overlay: OVERLAY }, settings));
/** The command of the timer, for the settings of the last change. */
const rollBack = async () => {
  const timer = /roll-back lab\.overlay ([0-9a-f]{64})/g;
  const [, digest = ""] = [...(await systemd()).matchAll(timer)].at(-1) ?? [];
  return program(["roll-back", OVERLAY, digest]);
};
const systemd = () => host.on("cat /run/fakes/systemctl.log");

describe("a device phase that fails", () => {
  const BREAKS: [string, string, Parameters<typeof settingsOf>[0]][] = [
    [
      "another VNI that the kernel refuses",
      "ip link add other type vxlan id 700 dstport 4789 dev eth0",
      { settings: { vni: 700 } },
    ],
    [
      "another device name, and a unit that does not start",
      `mv /usr/bin/systemctl /usr/bin/systemctl.real; printf '#!/bin/bash\n[[ $1 != restart && $1 != start ]] || exit 1\nexec /usr/bin/systemctl.real "$@"\n' >/usr/bin/systemctl; chmod +x /usr/bin/systemctl; echo failed >/run/fakes/units/oci-vxlan@${OVERLAY}.service.active`,
      { settings: { device: "vxlan9", vni: 701 } },
    ],
    [
      "another port, and nftables that takes no more rules",
      `mv /usr/sbin/nft /usr/sbin/nft.real; printf '#!/bin/bash\n[[ $1 != -f ]] || ! grep -q 4790 <(tee /run/rules) || exit 1\n[[ $1 != -f ]] || exec /usr/sbin/nft.real -f /run/rules\nexec /usr/sbin/nft.real "$@"\n' >/usr/sbin/nft; chmod +x /usr/sbin/nft`,
      { settings: { port: 4790 } },
    ],
  ];
  test.each(BREAKS)(
    "leaves the settings, the device and the peers from before: %s",
    async (_, breakCommand, options) => {
      await install();
      const before = await state();
      await host.on(breakCommand);
      const { exitCode, stderr } = await host.devicePhase(OVERLAY, settingsOf(options));
      expect(exitCode, stderr).toBe(1);
      expect(stderr).toContain("phase device failed: the previous settings return");
      expect(await state()).toEqual(before);
      expect(await host.on("ls /var/lib/oci-vxlan/lab.overlay")).not.toContain("previous");
    },
  );

  test("leaves nothing if it was the first", async () => {
    const before = await host.on("ls /etc /var/lib /run");
    await host.on("ip link add other type vxlan id 700 dstport 4789 dev eth0");
    const { exitCode, stderr } = await host.devicePhase(OVERLAY, settingsOf({ settings: { vni: 700 } }));
    expect(exitCode).toBe(1);
    expect(stderr).toContain("phase device failed: what was installed goes again");
    expect(await host.on("ls /etc /var/lib /run; nft list tables")).toBe(before);
  });
});

describe("a peers phase that fails", () => {
  test("leaves the peers from before", async () => {
    const { installation } = await install();
    const before = await host.on("cat /etc/oci-vxlan/lab.overlay/peers");
    await host.on("ip address flush dev eth0");
    const other = peersSettings(RESOURCE, {
      installation,
      mtu: 8950,
      peers: [{ ...PEER, underlayAddress: "10.196.218.234" }],
    });
    expect((await program(["peers", OVERLAY], other)).exitCode).toBe(1);
    expect(await host.on("cat /etc/oci-vxlan/lab.overlay/peers")).toBe(before);
    await host.on("ip address add 10.196.218.222/30 dev eth0");
    await reconcile();
    expect(await kernel()).toContain(`${PEER.mac} dst ${PEER.underlayAddress}`);
  });

  test("does not fail for entries of a list that is older than the device, nor does its unit", async () => {
    const bothFamilies = {
      settings: { cidrs: ["192.168.0.0/24", "fd00:77::/64"] },
      overlayAddresses: ["192.168.0.1", "fd00:77::1"],
    };
    await install(bothFamilies, [{ ...PEER, overlayAddresses: ["192.168.0.2", "fd00:77::2"] }]);
    // The device has no IPv6 any more, and the NIC is too small for it; the peers of before still have some.
    await host.on("ip link set eth0 mtu 1300");
    const { exitCode, stderr } = await host.devicePhase(OVERLAY, settingsOf());
    expect(exitCode, stderr).toBe(0);
    expect(await kernel()).toContain(`192.168.0.2 lladdr ${PEER.mac} PERMANENT`);
    expect((await program(["reconcile", OVERLAY])).stderr).not.toContain("error");
  });
});

describe("an unconfirmed change", () => {
  test("has a timer, which restores the settings from before", async () => {
    await install();
    await confirm();
    const before = await state();
    await device({ settings: { vni: 300, device: "vxlan7", confirmTimeout: 77 } });
    expect(await systemd()).toMatch(
      /systemd-run .*--unit=oci-vxlan-rollback-lab\.overlay\.service --on-active=77 .*oci-vxlan roll-back lab\.overlay/,
    );
    const { exitCode, stderr } = await rollBack();
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining("no new SSH session has reached")]);
    expect(await state()).toEqual(before);
    const lateConfirmation = await confirm(
      settingsOf({ settings: { vni: 300, device: "vxlan7", confirmTimeout: 77 } }),
    );
    expect([lateConfirmation.exitCode, lateConfirmation.stderr]).toEqual([
      1,
      expect.stringContaining("has taken the change back already"),
    ]);
  });

  test("is undone after a first installation, and the ids stay, since the state has them by then", async () => {
    const { mac, installation } = await device();
    expect((await rollBack()).exitCode).toBe(0);
    expect(
      await host.on("ip -o link show type vxlan; nft list tables; ls /etc/oci-vxlan 2>/dev/null || true"),
    ).toBe("");
    // The stack's next phase comes first, and then the end of up sets the device up again.
    const list = peersSettings(RESOURCE, { installation, mtu: 8950, peers: [PEER] });
    expect((await program(["peers", OVERLAY], list)).stderr).toContain("the peers wait for it");
    expect((await check(installation)).exitCode).toBe(3);
    expect(await device()).toMatchObject({ mac, installation });
    expect(await kernel()).toContain(`${PEER.mac} dst ${PEER.underlayAddress}`);
    await remove();
    expect(await host.on(`ls -d /etc/oci-vxlan /var/lib/oci-vxlan ${PROGRAM} 2>/dev/null || true`)).toBe("");
  });

  test("is undone after another generation, and its installation id stays", async () => {
    await install();
    await confirm();
    const { installation } = await device({ generation: 1 });
    expect((await rollBack()).exitCode).toBe(0);
    expect(await host.on("grep generation /etc/oci-vxlan/lab.overlay/device")).toBe("generation 0");
    const list = peersSettings(RESOURCE, { installation, mtu: 8950, peers: [PEER] });
    expect((await program(["peers", OVERLAY], list)).exitCode).toBe(0);
    expect(await device({ generation: 1 })).toMatchObject({ installation });
  });

  test("is not undone by the timer of an older change", async () => {
    await device({ settings: { vni: 300 } });
    const { installation } = await device({ settings: { vni: 301 } });
    const before = await state();
    expect(
      (await program(["roll-back", OVERLAY, digestOf(settingsOf({ settings: { vni: 300 } }))])).exitCode,
    ).toBe(0);
    expect(await state()).toEqual(before);
    expect(installation).not.toBe("");
  });

  test("can be made where the ids below /var are lost, and is undone there too", async () => {
    await install();
    await confirm();
    await host.on("rm -rf /var/lib/oci-vxlan");
    await device({ generation: 1 });
    expect((await rollBack()).exitCode).toBe(0);
    expect(await kernel()).toContain("vxlan id 100");
  });

  test("whose start was killed counts as none", async () => {
    await install();
    await confirm();
    const before = await state();
    await host.wrap("/usr/bin/cp", "kill -KILL $PPID");
    await host.devicePhase(OVERLAY, settingsOf({ settings: { vni: 300 } }));
    await host.on("mv /usr/bin/cp.real /usr/bin/cp");
    await reconcile();
    expect((await rollBack()).exitCode).toBe(0);
    expect(await state()).toEqual(before);
  });

  test("is undone even if its unit cannot be stopped, and the timer tries again after an interruption", async () => {
    await device();
    await host.wrap("/usr/bin/systemctl", '[[ "$*" != *disable* ]] || exit 1; exec $REAL "$@"');
    expect((await rollBack()).exitCode).toBe(0);
    expect(
      await host.on("ip -o link show type vxlan; nft list tables; ls /etc/oci-vxlan 2>/dev/null || true"),
    ).toBe("");
    expect(await systemd()).toContain("--property=Restart=on-failure");
  });

  test("is undone where the session that makes it is closed half-way", async () => {
    await install();
    await confirm();
    const before = await state();
    await host.on(`cat >/run/settings <<'END'\n${settingsOf({ settings: { vni: 300 } })}END`);
    // The session that would read its output has ended.
    await host.on(`${DEVICE_PHASE} ${OVERLAY} </run/settings 2>&1 | true`);
    expect(await state()).toEqual(before);
    expect(await host.on("ls /var/lib/oci-vxlan/lab.overlay")).not.toContain("previous");
  });

  test.each([
    ["confirm", () => confirm()],
    [
      "phase peers",
      (installation: string) =>
        program(["peers", OVERLAY], peersSettings(RESOURCE, { installation, mtu: 8950, peers: [PEER] })),
    ],
    ["the next phase device", () => host.devicePhase(OVERLAY, settingsOf({ generation: 2 }))],
  ])("stays once a new session has reached the host: %s", async (_, reachHost) => {
    const { installation } = await device();
    expect((await reachHost(installation)).exitCode).toBe(0);
    expect((await confirm(`${await host.on("cat /etc/oci-vxlan/lab.overlay/device")}\n`)).exitCode).toBe(0);
    const before = await state();
    expect((await rollBack()).exitCode).toBe(0);
    expect(await state()).toEqual(before);
    expect(await systemd()).toContain("stop oci-vxlan-rollback-lab.overlay.timer");
  });

  test("gets its timer again at a boot", async () => {
    await device();
    await host.on("rm /run/fakes/systemctl.log");
    await reconcile();
    expect(await systemd()).toContain("--on-active=180");
    await confirm();
    await host.on("rm /run/fakes/systemctl.log");
    await reconcile();
    expect(await host.on("cat /run/fakes/systemctl.log 2>/dev/null || true")).not.toContain("systemd-run");
  });

  test("without a change of the settings there is no timer", async () => {
    await device();
    await confirm();
    await host.on("rm /run/fakes/systemctl.log");
    await device();
    expect(await systemd()).not.toContain("systemd-run");
  });

  test("a killed run is undone by the timer too", async () => {
    await install();
    await confirm();
    const before = await state();
    await host.wrap("/usr/bin/systemctl", '[[ $1 != restart && $1 != start ]] || sleep 60; exec $REAL "$@"');
    await host.on(`echo failed >/run/fakes/units/oci-vxlan@${OVERLAY}.service.active`);
    await host.on(`cat >/run/settings <<'END'\n${settingsOf({ settings: { vni: 300 } })}END`);
    await host.on(`${DEVICE_PHASE} ${OVERLAY} </run/settings >/dev/null 2>&1 & echo $! >/run/pid`);
    await until("the other VNI", 10_000, async () => String((await state())[0]).includes("vxlan id 300"));
    await host.on(
      "kill -KILL $(cat /run/pid); mv /usr/bin/systemctl.real /usr/bin/systemctl; pkill -KILL sleep || true",
    );
    expect((await rollBack()).exitCode).toBe(0);
    expect(await state()).toEqual(before);
  });
});
