import { expect, test } from "vitest";
import { VxlanOverlay } from "../../components/index.ts";
import type { VxlanHostArgs } from "../../components/index.ts";
import { generateKeyPair } from "../sshKeyPair.ts";
import { register } from "./engineMocks.ts";
import type { RegisteredResource } from "./engineMocks.ts";

const login = generateKeyPair();
const hostKey = generateKeyPair().public;
const hex = (index: number) => index.toString(16).padStart(2, "0");

/** Registers an overlay of some hosts, 100 at most, whose phases device have reported. */
function registerFleet(size: number): Promise<RegisteredResource[]> {
  const hosts = Object.fromEntries(
    Array.from({ length: size }, (_, index): [string, VxlanHostArgs] => [
      `host${index}`,
      {
        underlayAddress: `10.0.0.${index + 1}`,
        overlayAddresses: [`192.168.0.${index + 1}`],
        ssh: { host: `203.0.113.${index + 1}`, privateKey: login.private, hostKey },
      },
    ]),
  );
  const reportOf = (name: string) => {
    const index = Number(/\d+/.exec(name)?.[0]);
    return `oci-vxlan device mac=5e:ee:f2:ab:43:${hex(index)} mtu=9000 installation=3f3a3a1c-0000-4000-8000-0000000000${hex(index)}`;
  };
  return register(
    () => new VxlanOverlay("overlay", { cidrs: ["192.168.0.0/24"], hosts }),
    ({ name }) => (name.endsWith("-device") ? { stdout: reportOf(name) } : {}),
  );
}

const dependenciesIn = (resources: readonly RegisteredResource[]) =>
  resources.reduce((sum, { dependencies }) => sum + dependencies.length, 0);

/** Bytes a host in the state, which holds the inputs of a resource twice: as inputs, and among its outputs. */
const bytesPerHost = (resources: readonly RegisteredResource[], size: number) =>
  (2 * resources.reduce((sum, { inputs }) => sum + JSON.stringify(inputs).length, 0)) / size;

test("ten times the hosts have ten times the dependencies", async () => {
  expect(dependenciesIn(await registerFleet(100))).toBe(10 * dependenciesIn(await registerFleet(10)));
});

test.each([
  [2, 20_000],
  [100, 40_000],
])("the state of %i hosts holds at most %i bytes for each", async (size, limit) => {
  expect(bytesPerHost(await registerFleet(size), size)).toBeLessThanOrEqual(limit);
});
