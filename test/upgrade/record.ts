import packageJson from "../../package.json" with { type: "json" };
import { hostFiles, hostSide } from "../../components/vxlan/phases/install.ts";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { environmentBefore } from "../changes.ts";
import { planOf } from "../component/changeEffects.ts";
import { MOCKED_SITE } from "../component/mockedSite.ts";
import { TestStack } from "../lifecycle/support/testStack.ts";
import { fillIn, inverse, labValues } from "./placeholders.ts";
import { writeRecording } from "./recording.ts";
import type { HostFile, RecordedResource } from "./recording.ts";

/**
 * `npm run release:record`: runs `up` with this checkout in a lab, and writes what it leaves to a folder with the name
 * of the release in package.json. CONTRIBUTING.md says when.
 */

const HOSTS = Object.keys(REFERENCE_HOSTS);

const SEARCH = "find /etc /usr/local /var/lib /opt -xdev ! -type d";
/** Written by the system while a host runs. */
const FOREIGN = /^\/var\/lib\/(systemd|cloud|NetworkManager|private|dbus)\/|^\/etc\/(machine-id|mtab)/;

async function listFiles(stack: TestStack, host: string): Promise<string[]> {
  const paths = (await stack.on(host, SEARCH)).split("\n");
  return paths.filter((path) => !FOREIGN.test(path)).sort();
}

async function readFile(stack: TestStack, host: string, path: string): Promise<HostFile> {
  const [type, mode] = (await stack.on(host, `stat -c '%F;%a' '${path}'`)).split(";");
  if (type === "symbolic link") return { path, lines: [await stack.on(host, `readlink '${path}'`)] };
  return { path, mode, lines: (await stack.on(host, `cat '${path}'`)).split("\n") };
}

/** What of a state no later run reads: the salt of the lab's passphrase, times, and places in this checkout. */
const UNREAD_KEYS = new Set([
  "secrets_providers",
  "created",
  "modified",
  "time",
  "sourcePosition",
  "stackTrace",
]);

const withoutUnreadKeys = (state: object) =>
  JSON.parse(
    JSON.stringify(state, (key, value: unknown) => (UNREAD_KEYS.has(key) ? undefined : value)),
  ) as object;

/** Random values that are no secrets, by others that are the same in each recording. */
async function steadyValues(stack: TestStack): Promise<Record<string, string>> {
  const values = await Promise.all(
    HOSTS.map(async (host, index) => {
      const readInstalled = (name: string) => stack.on(host, `cat /var/lib/oci-vxlan/lab.overlay/${name}`);
      return [
        [await readInstalled("mac"), `02:00:5e:00:53:0${index + 1}`],
        [await readInstalled("installation"), `00000000-0000-4000-8000-00000000000${index + 1}`],
      ];
    }),
  );
  return Object.fromEntries(values.flat());
}

async function registeredResources(): Promise<RecordedResource[]> {
  const plan = await planOf(environmentBefore(MOCKED_SITE));
  return [...plan].map(([urn, { type, name, inputs }]) => {
    const withoutKeys = { ...inputs, metadata: undefined };
    return { urn, type, name, inputs: type.startsWith("oci:") ? withoutKeys : {} };
  });
}

async function record(stack: TestStack): Promise<void> {
  await Promise.all(HOSTS.map((host) => stack.waitForBoot(host)));
  const before = await Promise.all(HOSTS.map((host) => listFiles(stack, host)));
  const config = stack.config();
  const { exitCode, text } = await stack.up(config);
  if (exitCode !== 0) throw new Error(text);
  const program = new Set(hostFiles().map(({ path }) => path));
  const files = await Promise.all(
    HOSTS.map(async (host, index) => {
      const expectedPaths = new Set([...program, ...(before[index] ?? [])]);
      const leftFiles = (await listFiles(stack, host)).filter((path) => !expectedPaths.has(path));
      return [host, await Promise.all(leftFiles.map((path) => readFile(stack, host, path)))] as const;
    }),
  );
  const values = { ...inverse(labValues(stack.lab, HOSTS)), ...(await steadyValues(stack)) };
  writeRecording(packageJson.version, {
    config,
    state: fillIn(withoutUnreadKeys(await stack.exportState("--show-secrets")), values),
    files: fillIn(Object.fromEntries(files), values),
    program: hostSide(),
    resources: await registeredResources(),
  });
}

const stack = await TestStack.boot("release-record", REFERENCE_HOSTS, { isCold: true });
try {
  await record(stack);
  console.log(
    `test/upgrade/${packageJson.version}/ holds what this checkout leaves: look through it, and commit it.`,
  );
} finally {
  await stack.remove();
}
