import { describe, expect, test } from "vitest";
import {
  OVERLAY,
  PEER,
  RESOURCE,
  files,
  host,
  install,
  kernel,
  ownerOf,
  state,
  useHostForEachTest,
} from "./overlay.ts";

/** The things that a delete removes, and those that it leaves. */

useHostForEachTest();

const program = (args: string[], input = "") => host.program(args, input);

describe("a delete removes", () => {
  const OTHER_RESOURCE = "fedcba9876543210";
  const expectNoRemoval = async (args: string[]) => {
    const before = [...(await state()), await files()];
    const { exitCode, stderr } = await program(args);
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining("another resource by now and stay")]);
    expect([...(await state()), await files()]).toEqual(before);
  };

  test("what its own resource set up, and nothing that came after it", async () => {
    const { installation } = await install();
    await expectNoRemoval(["remove-peers", OVERLAY, installation, OTHER_RESOURCE]);
    await expectNoRemoval(["remove-device", OVERLAY, ownerOf(OVERLAY), OTHER_RESOURCE]);
    // From a state of older versions.
    await expectNoRemoval(["remove-peers", OVERLAY, installation]);
    await expectNoRemoval(["remove-device", OVERLAY, ownerOf(OVERLAY)]);
  });

  test("what was set up by an older version, if the state is of that version", async () => {
    const { installation } = await install();
    await host.on("sed -i /^resource/d /etc/oci-vxlan/lab.overlay/*");
    await expectNoRemoval(["remove-device", OVERLAY, ownerOf(OVERLAY), RESOURCE]);
    expect((await program(["remove-peers", OVERLAY, installation])).exitCode).toBe(0);
    expect(await kernel()).not.toContain(PEER.mac);
    expect((await program(["remove-device", OVERLAY, ownerOf(OVERLAY)])).exitCode).toBe(0);
    expect(await host.on("ip -o link show type vxlan; ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });

  test("everything if a person runs it, and a wrong name is answered with the valid ones", async () => {
    await install();
    expect((await program(["remove", "lab.overly"])).stderr).toMatch(
      /there is no overlay lab\.overly on \S+; there are: lab\.overlay/,
    );
    expect((await program(["remove", OVERLAY])).exitCode).toBe(0);
    expect(await host.on("ip -o link show type vxlan; ls /etc/oci-vxlan 2>/dev/null || true")).toBe("");
  });
});
