import { describe, expect, test } from "vitest";
import { device, host, remove, useHostForEachTest } from "./overlay.ts";

useHostForEachTest();

describe("network managers leave the device alone", () => {
  const managerFiles = [
    "/etc/NetworkManager/conf.d/90-oci-vxlan-lab.overlay.conf",
    "/etc/systemd/network/05-oci-vxlan-lab.overlay.link",
    "/etc/systemd/network/05-oci-vxlan-lab.overlay.network",
  ];
  const list = () => host.on("ls /etc/NetworkManager/conf.d/* /etc/systemd/network/* 2>/dev/null || true");

  test("by files of their own, which everybody may read and which are removed with the overlay", async () => {
    await host.on("mkdir -p /etc/NetworkManager/conf.d");
    const before = await list();
    await device();
    expect((await list()).split("\n")).toEqual(expect.arrayContaining(managerFiles));
    expect(await host.on(`stat -c %a ${managerFiles.join(" ")}`)).toBe("644\n644\n644");
    expect(await host.on(`grep -h vxlan0 ${managerFiles.join(" ")}`)).toBe(
      "match-device=interface-name:vxlan0\nOriginalName=vxlan0\nName=vxlan0",
    );
    await remove();
    expect(await list()).toBe(before);
  });

  test("and a manager that is not installed gets no file", async () => {
    await host.on("rm -rf /etc/NetworkManager");
    await device();
    expect(await host.on("ls -d /etc/NetworkManager 2>/dev/null || true")).toBe("");
  });

  test("and are told at once if they run", async () => {
    await host.on("mkdir -p /etc/NetworkManager/conf.d");
    await host.on("systemctl start NetworkManager.service");
    await device();
    expect(await host.on("cat /run/fakes/systemctl.log")).toContain("reload NetworkManager.service");
  });
});
