import { describe, expect, test } from "vitest";
import { sentVerb } from "../../components/vxlan/phases/sentVerb.ts";
import {
  OVERLAY,
  device,
  host,
  install,
  reconcile,
  remove,
  settingsOf,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

/** Asks the kernel by itself, and sets the offload where it is given a value: the host's image has no ethtool. */
const ETHTOOL_IOCTL = `
import array, fcntl, socket, struct, sys
def ask(command, value=0):
    data = array.array("I", [command, value])
    fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sP", b"vxlan0", data.buffer_info()[0]))
    return data[1]
if len(sys.argv) > 1: ask(0x17, int(sys.argv[1]))
print(["off", "on"][ask(0x16)])`;
const offload = (value = "") => host.on(`/root/python3 - ${value} <<'END'\n${ETHTOOL_IOCTL}\nEND`);
const keepPython = () => host.on("cp /usr/bin/python3 /root/python3");

const RECORD = `/etc/oci-vxlan/${OVERLAY}/offload-off`;
const switchOff = () =>
  host.runSent(sentVerb("switch-offload-off.sh", ["switch-offload-off", OVERLAY], 40, "a test"));
const makeAgain = () => host.on("ip link del vxlan0; rm -rf /run/oci-vxlan/lab.overlay");

describe("the checksum offload of the device", () => {
  test("is an administrator's where neither the config nor a fault has it switched off", async () => {
    await keepPython();
    await install();
    expect(await offload()).toBe("on");
    await offload("0");
    await host.on("ip link set vxlan0 mtu 1400");
    await reconcile();
    expect(await offload()).toBe("off");
  });

  test("follows the config, over a device that is made again, and back", async () => {
    await keepPython();
    const offloadOff = { settings: { checksumOffload: "off" } };
    await install(offloadOff);
    expect(await offload()).toBe("off");
    expect(await reconcile()).toBe("");
    await makeAgain();
    expect(await reconcile()).toContain("ethtool -K vxlan0 tx-checksum-ip-generic off # it was on");
    expect(await offload()).toBe("off");
    expect(await reconcile()).toBe("");
    await device();
    expect(await offload()).toBe("on");
    expect(await reconcile()).toBe("");
  });

  test("that a fault has switched off stays off, until the host is installed anew or the overlay is removed", async () => {
    await keepPython();
    await install();
    const { exitCode, stderr } = await switchOff();
    expect(exitCode, stderr).toBe(0);
    expect(await offload()).toBe("off");
    expect((await switchOff()).exitCode).toBe(0);
    await makeAgain();
    await reconcile();
    expect(await offload()).toBe("off");
    await device({ settings: { vni: 101 } });
    expect(await offload()).toBe("off");
    await device({ generation: 1 });
    expect(await offload()).toBe("on");
    expect(await host.on(`ls ${RECORD} 2>&1 || true`)).toContain("No such file");
    await switchOff();
    await remove();
    expect(await host.on("ls -d /etc/oci-vxlan /run/oci-vxlan 2>/dev/null || true")).toBe("");
  });

  test("on a host with neither ethtool nor python3 is refused with what to install, and warned about", async () => {
    await keepPython();
    await install();
    await host.on("rm /usr/bin/python3");
    const { exitCode, stderr } = await switchOff();
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/neither ethtool nor python3.*install ethtool/),
    ]);
    expect(await host.on(`ls ${RECORD} 2>&1 || true`)).toContain("No such file");
    const refusal = await host.devicePhase(OVERLAY, settingsOf({ settings: { checksumOffload: "off" } }));
    expect(refusal.stderr).toMatch(/has neither ethtool nor python3, .*: install ethtool there/);
    await host.on(`echo yes >${RECORD}`);
    expect(await reconcile()).toMatch(
      /^oci-vxlan: lab\.overlay: warning: the checksum offload of vxlan0 on \S+ is unknown and should be off: install ethtool/,
    );
    expect(await reconcile()).toBe("");
  });

  test("is switched by ethtool where the host has it", async () => {
    await keepPython();
    await install();
    await host.on(`cat >/usr/sbin/ethtool <<'END'
#!/bin/bash
echo "$*" >>/run/ethtool.log
[[ $1 != -K ]] || echo "$4" >/run/offload
printf 'Features for vxlan0:\\ntx-checksumming: on\\n\\ttx-checksum-ip-generic: %s\\n' "$(cat /run/offload 2>/dev/null || echo on)"
END
chmod 755 /usr/sbin/ethtool; rm /usr/bin/python3`);
    expect((await switchOff()).exitCode).toBe(0);
    expect(await host.on("grep -e -K /run/ethtool.log")).toBe("-K vxlan0 tx-checksum-ip-generic off");
    expect(await reconcile()).toBe("");
  });
});
