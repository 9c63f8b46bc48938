import { describe, expect, test } from "vitest";
import { markValidated, refuseInvalid } from "../../components/validation.ts";
import { parseCidr } from "../../components/vxlan/addresses.ts";
import type { Problem } from "../../components/vxlan/problems.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { OVERLAY_PATHS } from "../../components/vxlan/validation/overlay.ts";
import { validateVerifyPort } from "../../components/vxlan/validation/settings.ts";
import { ResolvedAddresses } from "../../components/vxlan/validation/underlayAddresses.ts";

describe("arguments of a component", () => {
  const PROBLEM = { path: "vni", message: "0 is no VNI." };

  const refuseArgs = (args: object, validate: () => Problem[], otherProblems: Problem[] = []) =>
    refuseInvalid("VxlanOverlay", "lab", args, validate, otherProblems);

  test("are refused with all problems, by a text that names the component", () => {
    expect(() => refuseArgs({}, () => [PROBLEM], [{ path: "cidrs[0]", message: "no CIDR." }])).toThrow(
      'VxlanOverlay "lab" cannot be built:\n  vni: 0 is no VNI.\n  cidrs[0]: no CIDR.',
    );
    expect(() => refuseArgs({}, () => [])).not.toThrow();
  });

  test("are not validated again where a parent has marked them", () => {
    const args = { vni: 0 };
    expect(() => refuseArgs(args, () => [PROBLEM])).toThrow("0 is no VNI");
    markValidated(args);
    expect(() => refuseArgs(args, () => [PROBLEM])).not.toThrow();
    expect(() => refuseArgs(args, () => [], [PROBLEM])).toThrow("0 is no VNI");
  });
});

describe("an underlay address that is known late", () => {
  const host = { overlayAddresses: [] };
  const addresses = new ResolvedAddresses(
    [parseCidr("192.168.0.0/24")],
    {
      host01: { ...host, underlayAddress: "10.0.0.1" },
      host02: { ...host, underlayAddress: Promise.resolve() },
    },
    OVERLAY_PATHS,
  );

  test.each([
    ["host01", "hosts.host02.underlayAddress", /is no IPv4 address/],
    ["127.0.0.1", "hosts.host02.underlayAddress", /is a loopback address/],
    ["10.0.0.1", "hosts.host02.underlayAddress", /given twice: hosts\.host01\.underlayAddress has it too/],
    [
      "192.168.0.7",
      "cidrs[0]",
      /holds 192\.168\.0\.7, the underlay address at hosts\.host02\.underlayAddress/,
    ],
  ])("%s is refused", (address, path, message) => {
    expect(addresses.validate("host02", address)).toEqual([
      { path, message: expect.stringMatching(message) },
    ]);
  });

  test("is accepted where it is right, however often it is checked", () => {
    expect(addresses.validate("host02", "10.0.0.2")).toEqual([]);
    expect(addresses.validate("host02", "10.0.0.2")).toEqual([]);
  });
});

test("a port of sshd that is none is refused", () => {
  expect(validateVerifyPort(withDefaults({ verifyPort: 70000 }), "overlay.verifyPort")).toEqual([
    { path: "overlay.verifyPort", message: expect.stringContaining("70000 is no TCP port") },
  ]);
  expect(validateVerifyPort(withDefaults({ verifyPort: 22 }), "verifyPort")).toEqual([]);
});
