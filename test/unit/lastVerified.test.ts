import { expect, test } from "vitest";
import { lastVerified } from "../../components/vxlan/connectivityTest/lastVerified.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";

test("the result of a whole overlay is the earliest time, and which traffic passed", () => {
  const overlay = withDefaults({ cidrs: ["192.168.0.0/24", "fd00::/64"] });
  const reports = [
    { time: "2026-11-23T12:00:02Z", targets: 2 },
    { time: "2026-11-23T12:00:01Z", targets: 2 },
  ];
  expect(lastVerified(overlay, reports, 2, 2, 8950)).toEqual({
    time: "2026-11-23T12:00:01Z",
    what: "4 of 4 directions: ICMP of 8922 and 8902 bytes that may not fragment, TCP to sshd with its banner read, 256 KiB by TCP to 2 of 2 hosts",
  });
  const textWithoutIngress = lastVerified({ ...overlay, overlayIngress: "none" }, reports, 2, 0, 8950).what;
  expect(textWithoutIngress).not.toContain("TCP");
});
