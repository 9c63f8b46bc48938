import { describe, expect, test } from "vitest";
import {
  OTHER,
  OVERLAY,
  PEER,
  check,
  files,
  host,
  install,
  kernel,
  remove,
  useHostForEachTest,
} from "./overlay.ts";

useHostForEachTest();

describe("the check at the end of up", () => {
  const refusalText = async (installation: string) => {
    const { exitCode, stderr } = await check(installation);
    expect(exitCode).toBe(1);
    return stderr;
  };

  test("passes where all is in sync, repairs what is not, and counts its runs", async () => {
    const { installation } = await install();
    const cleanState = [await kernel(), await files()];
    expect(await check(installation)).toEqual({ exitCode: 0, stdout: "oci-vxlan turn 0", stderr: "" });
    await host.on("ip link del vxlan0");
    expect(await check(installation)).toMatchObject({ exitCode: 0, stdout: "oci-vxlan turn 1" });
    expect([await kernel(), await files()]).toEqual(cleanState);
  });

  test("passes the host's warnings on", async () => {
    const { installation } = await install();
    await host.on("ip link set eth0 mtu 1500");
    const { exitCode, stdout } = await check(installation);
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringMatching(/^oci-vxlan warning: eth0 carries 1500 bytes.*lost/),
    ]);
  });

  test("asks for the phases where installation, settings or peers differ", async () => {
    const { installation } = await install();
    const differenceResult = { exitCode: 3, stdout: "", stderr: "" };
    expect(await check("another")).toEqual(differenceResult);
    expect(await check(installation, [OTHER])).toEqual(differenceResult);
    expect(await check(installation, [PEER], { generation: 1 })).toEqual(differenceResult);
    await host.on("rm /etc/oci-vxlan/lab.overlay/peers");
    expect(await check(installation)).toEqual(differenceResult);
    await remove();
    expect(await check(installation)).toEqual({ ...differenceResult, exitCode: 127 });
    await host.installProgram();
    expect(await check(installation)).toEqual(differenceResult);
  });

  test("fails with the reason where the overlay cannot be repaired", async () => {
    const { installation } = await install();
    await host.on("ip address flush dev eth0");
    expect(await refusalText(installation)).toMatch(/no interface of \S+ carries the underlay address/);
  });

  test("does not keep a unit from starting that waits for its turn", async () => {
    const { installation } = await install();
    await host.wrap(
      "/usr/bin/systemctl",
      'if [[ $1 != show ]] || flock --nonblock /run/oci-vxlan/lock true; then exec $REAL "$@"; fi\n' +
        "printf '%s\\n' ActiveState=activating UnitFileState=enabled NeedDaemonReload=no",
    );
    await host.on("ip link del vxlan0");
    const { exitCode, stderr } = await check(installation);
    expect(exitCode, stderr).toBe(0);
  });

  test("fails where the unit does not stay up", async () => {
    const { installation } = await install();
    await host.on(`echo activating >/run/fakes/units/oci-vxlan@${OVERLAY}.service.active`);
    expect(await refusalText(installation)).toMatch(
      /oci-vxlan@lab\.overlay\.service on \S+ does not stay up, .*journalctl/,
    );
  });
});
