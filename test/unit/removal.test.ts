import { expect, test } from "vitest";
import { removalAdvice } from "../../components/vxlan/phases/removal.ts";

const urn = (phase: string) =>
  `urn:pulumi:lab::oci-vxlan::oci-vxlan:index:VxlanOverlay$command:remote:Command::overlay-host02-${phase}`;

/** Errors of the official plugin and of the lab's, about a host that does not answer. */
test.each([
  "after 9 failed attempts: dial tcp 10.196.218.226:22: i/o timeout",
  "after 9 failed attempts: dial tcp 10.196.218.226:22: connect: connection refused",
  "after 9 failed attempts: ssh: handshake failed: EOF",
])(
  "for a host that does not answer, the advice removes its phases from the state, with all that depends on them (%s)",
  (error) => {
    const lines = removalAdvice("lab", urn("peers"), error)?.split("\n");
    expect(lines?.[0]).toMatch(/^overlay-host02-peers: no SSH session with the host/);
    expect(lines?.[0]).toContain("If its instance was replaced in this run, nothing is left to remove there");
    expect(lines?.at(-1)).toBe(
      `  pulumi state delete --stack lab --yes --target-dependents '${urn("device")}'`,
    );
  },
);

test("for a host whose peers are deleted already, the command is the same", () => {
  expect(removalAdvice("lab", urn("device"), "dial tcp 10.0.0.1:22: i/o timeout")).toMatch(
    /--target-dependents 'urn:[^ ]*-host02-device'$/,
  );
});

test("for a host that answers, there is no advice", () => {
  const error = 'Process exited with status 1: running "…":\noci-vxlan: error: run this as root';
  expect(removalAdvice("lab", urn("peers"), error)).toBeUndefined();
});
