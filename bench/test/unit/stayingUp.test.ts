import { expect, test } from "vitest";
import { withPeers } from "../../staying-up/hostSide.ts";

test("a host's settings get other peers, and keep everything else", () => {
  const own =
    "resource 1f2e3d4c5b6a7980\ninstallation a-b\nmtu 8950\npeer node0002 5e:00:00:00:00:01 10.200.0.3 192.168.0.3\nend";
  expect(withPeers(own, 2)).toBe(
    [
      "resource 1f2e3d4c5b6a7980",
      "installation a-b",
      "mtu 8950",
      "peer node0003 5e:00:00:00:00:00 10.200.0.4 192.168.0.4",
      "peer node0004 5e:00:00:00:00:01 10.200.0.5 192.168.0.5",
      "end",
      "",
    ].join("\n"),
  );
  expect(withPeers(own, 1_000).match(/^peer /gm)).toHaveLength(1_000);
});
