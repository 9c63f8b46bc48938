import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cloudConfig } from "../../components/oci/cloudInit.ts";
import { hostKeyCommand, parseHostKeyPair } from "../../components/oci/hostKeyPair.ts";
import { BUILD_LIMIT, DEFAULT_IMAGE, isDebian } from "../../lab/hosts/images.ts";
import type { DebianRelease } from "../../lab/hosts/images.ts";
import { generateKeyPair } from "../sshKeyPair.ts";
import { NamespaceHost } from "./namespace.ts";

/** Returns the user data of a provisioned host, with a host key as the stack issues it. */
function userData(user: string): string {
  const { interpreter, create, stdin } = hostKeyCommand();
  const { stdout } = spawnSync(process.execPath, [...interpreter.slice(1), create], {
    encoding: "utf8",
    input: stdin,
  });
  const hostKey = parseHostKeyPair(stdout);
  return cloudConfig({ hostname: "host01", user, authorizedKeys: [generateKeyPair().public], hostKey });
}

const RELEASES: readonly DebianRelease[] = [11, 12, 13];

/** What cloud-init's schema does not allow makes a host "degraded" from 23.4 on, and hides errors that matter. */
// The images of other releases are built from Debian's package sources, which no other distribution has.
describe.skipIf(!isDebian()).each(RELEASES)("cloud-init of Debian %s", (release) => {
  let host: NamespaceHost;
  beforeAll(async () => {
    host = await NamespaceHost.make(DEFAULT_IMAGE, release);
  }, BUILD_LIMIT);
  afterAll(() => host.remove());

  /** Runs cloud-init's own check, which was `cloud-init devel schema` before 22.2. */
  const check = (config: string) =>
    host.on(`
      base64 -d <<<${Buffer.from(config).toString("base64")} >/run/user-data
      schema=(devel schema)
      if cloud-init schema --help >/dev/null 2>&1; then schema=(schema); fi
      cloud-init "\${schema[@]}" --config-file /run/user-data 2>&1 || echo "exit code $?"`);

  test.each(["opc", "root"])("finds the user data of a host with login user %s valid", async (user) => {
    expect(await check(userData(user))).toMatch(/^Valid (cloud-config:|schema) \/run\/user-data$/);
  });

  test("finds other user data invalid", async () => {
    const text = await check(userData("opc").replace('"runcmd"', '"bootcmd": "date", "runcmd"'));
    expect(text).toMatch(/bootcmd[^]*exit code 1$/);
  });
});
