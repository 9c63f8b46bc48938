import { describe, expect, test } from "vitest";
import { lostLaunch } from "../../components/lostLaunch.ts";
import { instanceMetadata } from "../../components/oci/cloudInit.ts";

const publicKey = (letter: string) => `ecdsa-sha2-nistp256 ${letter.repeat(20)}`;
const metadata = (letter: string) =>
  instanceMetadata({
    hostname: "host01",
    user: "opc",
    authorizedKeys: [],
    hostKey: { privateKey: "PRIVATE", publicKey: publicKey(letter) },
  });
const inputs = { compartmentId: "ocid1.compartment", displayName: "host01", metadata: metadata("A") };

describe("an instance that a killed run launched", () => {
  const LOST_INSTANCE = { id: "lost", state: "RUNNING", metadata: metadata("A") };

  test("is recognised by the host key that the stack issued, in whatever state it is", () => {
    for (const state of ["PROVISIONING", "STARTING", "RUNNING", "STOPPED"])
      expect(lostLaunch(inputs, [{ ...LOST_INSTANCE, state }])).toBe("lost");
  });
  test("is none that terminates, for example since it is replaced", () => {
    for (const state of ["TERMINATING", "TERMINATED"])
      expect(lostLaunch(inputs, [{ ...LOST_INSTANCE, state }])).toBeUndefined();
  });
  test("is none of another stack with the same name", () => {
    expect(lostLaunch(inputs, [{ ...LOST_INSTANCE, metadata: metadata("B") }])).toBeUndefined();
    expect(
      lostLaunch(inputs, [
        { ...LOST_INSTANCE, metadata: {} },
        { id: "bare", state: "RUNNING" },
      ]),
    ).toBeUndefined();
    expect(lostLaunch({ ...inputs, metadata: {} }, [{ ...LOST_INSTANCE, metadata: {} }])).toBeUndefined();
  });
});
