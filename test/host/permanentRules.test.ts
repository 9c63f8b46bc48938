import { beforeEach, describe, expect, test } from "vitest";
import type { CommandResult } from "../../lab/system/commands.ts";
import { OVERLAY, RESOURCE, host, install, ownerOf, useHostForEachTest } from "./overlay.ts";

const CHAIN = "oci-vxlan-100-4789";

const removeDevice = (): Promise<CommandResult> =>
  host.program(["remove-device", OVERLAY, ownerOf(OVERLAY), RESOURCE]);

/** All traces of the overlay in the places where an installation leaves some. */
const traces = () =>
  host.on("ls -d /etc/oci-vxlan /var/lib/oci-vxlan /usr/local/lib/oci-vxlan 2>/dev/null || true");

describe("rules of the overlay that somebody has saved", () => {
  useHostForEachTest();

  const save = async (file: string, options = "") => {
    await host.on(`mkdir -p $(dirname ${file}); iptables-save ${options} >${file}; chmod 640 ${file}`);
  };

  test.each([
    ["/etc/iptables/rules.v4", ""],
    ["/etc/iptables/rules.v4", "-c"],
    ["/etc/sysconfig/iptables", ""],
  ])("in %s (iptables-save %s) go with the overlay, and rules of others stay", async (file, options) => {
    await host.on("iptables -A INPUT -p udp --dport 53 -j ACCEPT; iptables -A INPUT -j REJECT");
    await save("/run/without", options);
    await install();
    await save(file, options);
    expect(await host.on(`grep -c ${CHAIN} ${file}`)).toBe("4");
    const { exitCode, stderr } = await removeDevice();
    expect([exitCode, stderr]).toEqual([
      0,
      expect.stringContaining(`took the overlay's rules out of ${file}`),
    ]);
    const rules = (name: string) => host.on(`sed 's/#.*//; s/^\\[.*\\] //; s/ \\[.*//' ${name}`);
    expect(await rules(file)).toBe(await rules("/run/without"));
    expect(await host.on(`stat -c %a ${file}; ls $(dirname ${file}) | grep new || true`)).toBe("640");
    await host.on(`iptables-restore --test ${file}`);
  });

  test("behind a link stay behind it", async () => {
    await host.on(
      "iptables -A INPUT -j REJECT; mkdir -p /etc/iptables; ln -sf /root/rules /etc/iptables/rules.v4",
    );
    await install();
    await host.on("iptables-save >/root/rules");
    expect((await removeDevice()).exitCode).toBe(0);
    expect(await host.on(`readlink /etc/iptables/rules.v4; grep -c ${CHAIN} /root/rules || true`)).toBe(
      "/root/rules\n0",
    );
  });

  test.each([
    [
      "where others lead to them",
      "/etc/iptables/rules.v4",
      "iptables -A FORWARD -j oci-vxlan-100-4789; iptables-save >/etc/iptables/rules.v4",
    ],
    ["as a ruleset of nftables", "/etc/nftables.conf", "nft list ruleset >/etc/nftables.conf"],
    [
      "on a disk that is full",
      "/etc/iptables/rules.v4",
      "mount -t tmpfs tmpfs /etc/iptables; iptables-save >/etc/iptables/rules.v4; mount -o remount,size=4k /etc/iptables",
    ],
  ])("stay %s: the delete fails and names the file once, with the overlay removed", async (_, file, save) => {
    await host.on("iptables -A INPUT -j REJECT; mkdir -p /etc/iptables");
    await install();
    await host.on(save);
    const before = await host.on(`cat ${file}`);
    const { exitCode, stderr } = await removeDevice();
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(
          `error: the overlay is removed from \\S+, but ${file} there holds rules of it, .*${CHAIN}`,
        ),
      ),
    ]);
    expect(await host.on(`cat ${file}; ls $(dirname ${file}) | grep new || true`)).toBe(before.trimEnd());
    expect(await traces()).toBe("");
    expect(await host.on("ip -o link show type vxlan; nft list tables | grep oci || true")).toBe("");
    await host.installProgram();
    expect((await removeDevice()).exitCode).toBe(0);
  });
});

describe("firewalld's permanent configuration", () => {
  useHostForEachTest("oracle-linux-like");

  /** The rules as `firewall-cmd --runtime-to-permanent` leaves them, and an administrator's own beside them. */
  const RULE =
    'rule family="ipv4" destination address="10.196.218.222" port port="4789" protocol="udp" accept';
  const makePermanent = () =>
    host.on(
      `firewall-offline-cmd --zone=public --add-rich-rule='${RULE}' >/dev/null; firewall-offline-cmd --zone=trusted --add-interface=vxlan0 >/dev/null`,
    );
  const permanent = () =>
    host.on("firewall-offline-cmd --zone=public --list-all; firewall-offline-cmd --zone=trusted --list-all");

  beforeEach(() =>
    host.on(
      `firewall-offline-cmd --zone=public --add-rich-rule='${RULE.replace("4789", "4790")}' >/dev/null
      firewall-offline-cmd --zone=trusted --add-interface=eth9 >/dev/null`,
    ),
  );

  test.each([
    ["does not run", ""],
    [
      "runs",
      `mkdir -p /run/fakes/firewalld; touch /run/fakes/firewalld/running; ln -sf /run/fakes/busctl.sh /usr/bin/busctl
      printf '#!/bin/bash\\n[[ $1 == --permanent ]] || exit 1\\nexec firewall-offline-cmd "\${@:2}"\\n' >/usr/bin/firewall-cmd; chmod 755 /usr/bin/firewall-cmd`,
    ],
  ])("loses the overlay's rules with the overlay where firewalld %s, and no others", async (_, setUp) => {
    await host.on(setUp);
    const before = await permanent();
    await install();
    await makePermanent();
    expect(await permanent()).not.toBe(before);
    const { exitCode, stderr } = await removeDevice();
    expect(exitCode, stderr).toBe(0);
    expect(await permanent()).toBe(before);
  });
});
