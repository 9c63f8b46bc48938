import { expect, test } from "vitest";
import { lostSessionAdvice, removalAdvice } from "../../components/vxlan/phases/removal.ts";

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

test.each([
  "wait: remote command exited without exit status or exit signal",
  "read tcp 10.0.0.9:5000->10.196.218.226:22: read: connection timed out",
  "read ETIMEDOUT",
  "the connection was closed before the command ended",
])("where a session was lost in the middle of a phase, the advice is another up (%s)", (error) => {
  expect(lostSessionAdvice(urn("device"), error)).toMatch(
    /^overlay-host02-device: the SSH session was lost .*run pulumi up again/,
  );
});

test("where there was no session, or the phase failed by itself, no session was lost", () => {
  for (const error of [
    "dial tcp 10.0.0.1:22: connection timed out",
    "ssh: handshake failed: EOF",
    "Process exited with status 1",
  ])
    expect(lostSessionAdvice(urn("device"), error)).toBeUndefined();
});
