import { beforeAll, describe, expect, test } from "vitest";
import { generateKeyPair } from "../sshKeyPair.ts";
import { effectsOf, planOf } from "./changeEffects.ts";
import { environmentBefore } from "../changes.ts";
import { MOCKED_SITE } from "./mockedSite.ts";
import { LOGIN_KEY, build, buildRefused, resourceNamed, referenceEnvironment } from "./environment.ts";
import { unwrap } from "./engineMocks.ts";
import type { RegisteredResource } from "./engineMocks.ts";

/** A login key that replaces another one: the inputs that reach the engine. Other layers test the hosts. */
const next = generateKeyPair();
const hostKey = generateKeyPair().public.trim();

const environmentWithNewKey = (change: (args: any) => void = () => undefined) =>
  referenceEnvironment((e) => {
    e.ssh = { privateKey: next.private, oldPrivateKey: LOGIN_KEY, via: "host02" };
    e.hosts.host03 = {
      overlayAddresses: ["192.168.0.3"],
      existing: { underlayAddress: "10.5.0.7", hostKey },
    };
    change(e);
  });

describe("a login key that replaces another one", () => {
  let resources: RegisteredResource[];
  beforeAll(async () => {
    resources = await build(environmentWithNewKey());
  });

  test("is in every connection, to jump hosts too, and the old key is in no resource", () => {
    for (const host of ["host01", "host03"]) {
      const { privateKey, proxy } = unwrap(
        resourceNamed(resources, `lab-${host}-device`).inputs["connection"],
      );
      expect([privateKey, proxy.privateKey]).toEqual([next.private, next.private]);
    }
    for (const { name, inputs } of resources)
      expect([name, JSON.stringify(inputs).includes(JSON.stringify(LOGIN_KEY))]).toEqual([name, false]);
  });

  test("is what a new instance boots with", () => {
    const metadata = unwrap(resourceNamed(resources, "lab-host01-instance").inputs["metadata"]);
    expect(metadata.ssh_authorized_keys).toBe(next.public.trim());
  });

  test("updates the phases once, and no instance; without the old key nothing changes any more", async () => {
    const [environmentWithOldKey, environmentWithoutOldKey] = [
      { ...environmentBefore(MOCKED_SITE), ssh: { privateKey: next.private, oldPrivateKey: LOGIN_KEY } },
      { ...environmentBefore(MOCKED_SITE), ssh: { privateKey: next.private } },
    ];
    const before = await planOf(environmentBefore(MOCKED_SITE));
    const effects = await effectsOf(before, environmentWithOldKey);
    expect(effects.map(({ name, operation }) => `${operation} ${name}`).sort()).toEqual(
      ["a", "b", "c"]
        .flatMap((host) => [`update ${host}-device`, `update ${host}-peers`])
        .concat("update a-ready", "update b-ready")
        .sort(),
    );
    expect(await effectsOf(await planOf(environmentWithOldKey, before), environmentWithoutOldKey)).toEqual(
      [],
    );
  });

  test.each([
    [
      "an agent",
      { agent: true, publicKey: next.public.trim(), oldPrivateKey: LOGIN_KEY },
      /ssh\.oldPrivateKey: given beside ssh\.agent/,
    ],
    [
      "a jump host without a key of its own",
      {
        privateKey: next.private,
        oldPrivateKey: LOGIN_KEY,
        proxy: { address: "203.0.113.7", hostKey: generateKeyPair().public.trim() },
      },
      /ssh\.proxy: it has no private key of its own/,
    ],
  ])("is refused with %s", async (_, ssh, problem) => {
    const { message, resources: refusedResources } = await buildRefused(
      environmentWithNewKey((e) => (e.ssh = ssh)),
    );
    expect(message).toMatch(problem);
    expect(refusedResources.filter(({ type }) => !type.startsWith("oci-vxlan:"))).toEqual([]);
  });
});
