import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { hostFiles } from "../../components/vxlan/phases/install.ts";
import { REFERENCE_HOSTS } from "../../lab/cli/existingHosts.ts";
import { ROOT } from "../../lab/system/lab.ts";
import { recordedReleases } from "../upgrade/recording.ts";
import { expectSuccess, expectUnchanged } from "./support/outcome.ts";
import { RecordedRelease } from "./support/recordedRelease.ts";
import { echoesLostDuring } from "./support/steadyEcho.ts";
import { TestStack, UP } from "./support/testStack.ts";

const RELEASES = recordedReleases();

/** Each test starts where the one before ended. */
describe.each(RELEASES)("a stack that release %s has left", (release) => {
  let stack: TestStack;
  let recordedRelease: RecordedRelease;
  beforeAll(async () => {
    stack = await TestStack.boot("test-upgrade", REFERENCE_HOSTS);
    recordedRelease = new RecordedRelease(stack, release);
    await Promise.all(recordedRelease.hosts.map((host) => stack.waitForBoot(host)));
    await recordedRelease.restoreHosts();
    await recordedRelease.importState();
    expect(await stack.failingPairs()).toEqual([]);
  });
  afterAll(() => stack.remove());

  /** Expects that no echo is lost meanwhile, of one every 10 ms in each direction. */
  const expectNoneLost = async (action: () => Promise<void>) => {
    let [lostThere, lostBack] = [-1, -1];
    lostThere = await echoesLostDuring(
      stack,
      "host01",
      "192.168.0.2",
      async () => {
        lostBack = await echoesLostDuring(stack, "host02", "192.168.0.1", action, 0.01);
      },
      0.01,
    );
    expect([lostThere, lostBack]).toEqual([0, 0]);
  };

  const expectUpgrade = () =>
    expectNoneLost(async () => {
      const { counts, text } = expectSuccess(await stack.up(recordedRelease.config));
      expect(Object.keys(counts), text).not.toContain("replaced");
      expect(Object.keys(counts), text).not.toContain("deleted");
    });

  /** The texts of a host's program, without the name of the release. */
  const program = async (host: string) => {
    const paths = hostFiles().map(({ path }) => path);
    return withoutRelease(await stack.on(host, `cat ${paths.join(" ")}`));
  };
  const ownProgram = withoutRelease(
    hostFiles()
      .map(({ text }) => text)
      .join(""),
  );

  test("is brought up to date in place, without an interruption", async () => {
    await expectUpgrade();
    for (const host of recordedRelease.hosts) expect(await program(host)).toBe(ownProgram);
    expect((await stack.outputs()).release).toBe(packageJson.version);
    expect(await stack.failingPairs()).toEqual([]);
  });

  test("has nothing left to do in the next up", async () => {
    expectUnchanged(await stack.up(recordedRelease.config));
  });

  test("changes no host where a release has nothing new but its name", async () => {
    const target = join(ROOT, "package.json");
    const source = join(stack.lab.directory, "package.json");
    writeFileSync(
      source,
      JSON.stringify({ ...JSON.parse(readFileSync(target, "utf8")), version: "999.0.0" }),
    );
    expectUnchanged(await stack.pulumi(UP, recordedRelease.config, { mounts: [{ source, target }] }));
    expect((await stack.outputs()).release).toBe("999.0.0");
  });

  test("has another program named by a preview in one line", async () => {
    const target = join(ROOT, "components/vxlan/host/lock.sh");
    const source = join(stack.lab.directory, "lock.sh");
    writeFileSync(source, `${readFileSync(target, "utf8")}# Another version.\n`);
    const { text } = expectSuccess(
      await stack.pulumi(["preview", "--diff"], recordedRelease.config, { mounts: [{ source, target }] }),
    );
    expect(text.match(/the program of oci-vxlan \S+ replaces another version, on the hosts/g)).toHaveLength(
      1,
    );
  });

  test.runIf(release === RELEASES.at(-1))("may go back to it, and come up to date again", async () => {
    await expectNoneLost(() => recordedRelease.runPhases());
    for (const host of recordedRelease.hosts)
      expect(await stack.on(host, "oci-vxlan --version")).toContain(`oci-vxlan ${release},`);
    expect(await stack.failingPairs()).toEqual([]);
    await recordedRelease.importState();
    await expectUpgrade();
    for (const host of recordedRelease.hosts) expect(await program(host)).toBe(ownProgram);
    expectUnchanged(await stack.up(recordedRelease.config));
  });
});

function withoutRelease(text: string): string {
  return text.replace(/^RELEASE=\S+/m, "").trimEnd();
}
