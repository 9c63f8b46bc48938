import { describe, expect, test } from "vitest";
import { withDefaults } from "../../components/vxlan/settings.ts";
import type { OverlaySettings } from "../../components/vxlan/settings.ts";
import {
  digestOf,
  lastVerified,
  parseVerifyReport,
  validateVerify,
  verifyPhase,
  verifyTargets,
} from "../../components/vxlan/verify.ts";
import type { VerifySettings } from "../../components/vxlan/verify.ts";

const HOSTS = {
  host02: { underlayAddress: "10.196.218.226", overlayAddresses: ["192.168.0.2", "FD00::2"], sshPort: 2222 },
  host01: { underlayAddress: "10.196.218.222", overlayAddresses: ["192.168.0.1", "FD00::1"], sshPort: 22 },
};
const CIDRS = ["192.168.0.0/24", "fd00::/64"];

const targets = (overlay: Partial<OverlaySettings> = {}, settings: VerifySettings = {}) =>
  verifyTargets(withDefaults({ cidrs: CIDRS, ...overlay }), settings, "host01", HOSTS, 8950, "abc").split(
    "\n",
  );

describe("what a host probes", () => {
  test("is every address of every peer and none of its own", () => {
    expect(targets()).toEqual([
      "digest abc",
      "host host01",
      "underlay 10.196.218.222",
      "port 4789",
      "mtu 8950",
      "target host02 10.196.218.226 192.168.0.2 2222",
      "target host02 10.196.218.226 fd00::2 2222",
      "end",
      "",
    ]);
  });

  test("on the port that is given for all", () => {
    expect(targets({}, { verifyPort: 10022 })[5]).toMatch(/ 10022$/);
  });

  test("leaves TCP out where this program does not open the hosts' firewalls", () => {
    expect(targets({ overlayIngress: "none" })[5]).toMatch(/ -$/);
    expect(targets({ hostFirewall: "leave" })[5]).toMatch(/ -$/);
  });

  test("goes in through standard input, behind the script that reads it", () => {
    const overlay = withDefaults({ cidrs: CIDRS });
    const { create, stdin } = verifyPhase(overlay, {}, "host01", HOSTS, 8950, "abc");
    expect(create).not.toMatch(/host0|192\.168|10\.196/);
    expect(stdin).toMatch(/^#!\/bin\/bash\n[\s\S]*\nmain\ndigest abc\n[\s\S]*\nend\n$/);
  });
});

describe("the report", () => {
  test("is read past a login banner", () => {
    const stdout = "Welcome!\noci-vxlan verified time=2026-11-23T12:00:00Z targets=2\n";
    expect(parseVerifyReport("host01", stdout)).toEqual({ time: "2026-11-23T12:00:00Z", targets: 2 });
  });

  test("that is missing proves nothing", () => {
    expect(() => parseVerifyReport("host01", "Welcome!")).toThrow(
      /^host01: expected a line "oci-vxlan verif/,
    );
  });

  test("of a whole overlay has the earliest time", () => {
    const overlay = withDefaults({ cidrs: CIDRS });
    const reports = {
      host01: { time: "2026-11-23T12:00:02Z", targets: 2 },
      host02: { time: "2026-11-23T12:00:01Z", targets: 2 },
    };
    expect(lastVerified(overlay, reports, 8950)).toEqual({
      time: "2026-11-23T12:00:01Z",
      what: "4 ways: ICMP of 8922 and 8902 bytes that may not fragment, TCP to sshd with its banner read",
    });
    expect(lastVerified({ ...overlay, overlayIngress: "none" }, reports, 8950).what).not.toContain("TCP");
  });
});

test("a digest changes with any text and with their order", () => {
  expect(digestOf(["a", "b"])).toBe(digestOf(["a", "b"]));
  expect(digestOf(["a", "b"])).not.toBe(digestOf(["ab"]));
  expect(digestOf(["a", "b"])).not.toBe(digestOf(["b", "a"]));
});

test("a port that is none is refused", () => {
  expect(validateVerify({ verifyPort: 70000 }, (key) => `overlay.${key}`)).toEqual([
    { path: "overlay.verifyPort", message: expect.stringContaining("70000 is no TCP port") },
  ]);
  expect(validateVerify({ verifyPort: 22 }, (key) => key)).toEqual([]);
});
