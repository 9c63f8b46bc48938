import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import type { HostSpec } from "../../lab/hosts/inventory.ts";
import { rebootHost } from "../../lab/hosts/power.ts";
import { until } from "../../lab/system/commands.ts";
import { breakOffload } from "./support/brokenOffload.ts";
import { expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";

/** A NIC that sends wrong checksums inside VXLAN: ICMP passes, and TCP hangs. */
describe("a host whose NIC cannot compute checksums inside VXLAN", () => {
  let stack: TestStack;
  let endFault: () => Promise<void>;
  beforeAll(async () => {
    stack = await TestStack.boot("test-checksum-offload", REFERENCE_HOSTS);
    endFault = await breakOffload(stack, "host02");
  });
  afterAll(async () => {
    await endFault();
    await stack.remove();
  });

  /** Asks the kernel by ETHTOOL_GTXCSUM. */
  const offload = (host: string) =>
    stack.on(
      host,
      `python3 -c '
import array, fcntl, socket, struct
data = array.array("I", [0x16, 0])
fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sP", b"vxlan0", data.buffer_info()[0]))
print(["off", "on"][data[1]])'`,
    );

  test("computes them itself once up has seen that, and up then passes", async () => {
    const { text } = expectSuccess(await stack.up());
    expect(text).toMatch(
      /host02 sends TCP with wrong checksums: ICMP that fills the MTU passes, TCP does not, and host01 has discarded its packets/,
    );
    expect(text).not.toContain("host01 sends TCP");
    expect([await offload("host01"), await offload("host02")]).toEqual(["on", "off"]);
    expect((await stack.outputs()).lastVerified.what).toContain("256 KiB by TCP to 2 of 2 hosts");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("needs nothing more from the next up", async () => {
    const outcome = await stack.up();
    expectUnchanged(outcome);
    expect(outcome.text).not.toContain("wrong checksums");
  });

  test("is named by status, with the command that cures it, where somebody has switched the offload on", async () => {
    const file = "/etc/oci-vxlan/lab.overlay/offload-off";
    await stack.on("host02", `mv ${file} /root; ip link del vxlan0`);
    await until("the device", 20_000, async () => (await offload("host02").catch(() => "")) === "on");
    const { exitCode, text } = await stack.status();
    expect(exitCode, text).toBe(1);
    expect(text).toMatch(/^host01 +TCP FAILS$/m);
    expect(text).toMatch(
      /host01 discarded .* with a wrong checksum, as the NIC of host02 leaves them .*: on host02: sudo ethtool -K vxlan0 tx-checksum-ip-generic off\.$/m,
    );
    await stack.on("host02", `mv /root/offload-off ${file}`);
  });

  test("does so on a device that was made again, and after a reboot", async () => {
    await stack.on("host02", "ip link del vxlan0");
    await until("the device", 20_000, async () => (await offload("host02").catch(() => "")) === "off");
    await endFault();
    await rebootHost(stack.lab, "host02", REFERENCE_HOSTS["host02"] as HostSpec);
    endFault = await breakOffload(stack, "host02");
    await until("the device", 60_000, async () => (await offload("host02").catch(() => "")) === "off");
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("stays so while the config has the others do it too, and these return to their NICs after that", async () => {
    expectSuccess(await stack.up(stack.config((e) => (e.overlay.checksumOffload = "off"))));
    expect([await offload("host01"), await offload("host02")]).toEqual(["off", "off"]);
    expectSuccess(await stack.up());
    expect([await offload("host01"), await offload("host02")]).toEqual(["on", "off"]);
  });

  test("forgets it with the overlay", async () => {
    expectSuccess(await stack.destroy());
    expect(
      await stack.on("host02", "ls -d /etc/oci-vxlan /var/lib/oci-vxlan /run/oci-vxlan 2>/dev/null || true"),
    ).toBe("");
  });
});
