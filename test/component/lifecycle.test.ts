import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TYPES } from "../../lab/pulumi/plugins/oci/types.ts";
import { changesWithEffects, lifecyclePage } from "../../scripts/lifecycle.ts";
import { environmentBefore } from "../changes.ts";
import { effectsOf, planOf } from "./changeEffects.ts";
import { MOCKED_SITE } from "./mockedSite.ts";

const ROOT = join(import.meta.dirname, "../..");

/** All of them in one go, outside of the time limit of a test: some sixty programs run. */
const changes = await changesWithEffects();

const effectsOfChange = (title: string) => {
  const change = changes.find((other) => other.title === title);
  if (!change) throw new Error(`no change is called ${title}`);
  return change.effects.map(({ name, operation }) => `${operation} ${name}`);
};
/** The titles of the changes with such an effect. */
const changesWithEffect = (effect: RegExp) =>
  changes
    .filter(({ effects }) => effects.some(({ name, operation }) => effect.test(`${operation} ${name}`)))
    .map(({ title }) => title);

test("docs/lifecycle.md is what `npm run docs` writes", async () => {
  expect(readFileSync(join(ROOT, "docs/lifecycle.md"), "utf8")).toBe(await lifecyclePage(changes));
});

describe("a change of an environment", () => {
  test("that is none does nothing", async () => {
    const before = () => environmentBefore(MOCKED_SITE);
    expect(await effectsOf(await planOf(before()), before())).toEqual([]);
  });

  test("replaces an instance only where Oracle cannot move it", () => {
    expect(changesWithEffect(/^replace .*-instance$/)).toEqual([
      "`availabilityDomain`",
      "`subnet`",
      "`privateIp`",
      "`private` of a's subnet",
    ]);
  });

  test("replaces no phase and no host key", () => {
    expect(changesWithEffect(/^replace .*-(ready|device|peers|host-key)$/)).toEqual([]);
  });

  test.each(["add instance d", "add existing host d", "remove instance b", "remove existing host c"])(
    'as "%s" touches the phases peers of the others alone',
    (title) => {
      const changedHost = title.at(-1) ?? "";
      const otherEffects = effectsOfChange(title).filter((effect) => !effect.includes(` ${changedHost}-`));
      expect(otherEffects).toContain("update reports");
      for (const effect of otherEffects)
        expect(effect).toMatch(/^update ([abc]-peers|reports|network-security-list)$/);
    },
  );

  test("of the name of an existing host touches the phases peers of the others alone", () => {
    expect(effectsOfChange("rename existing host c to d").sort()).toEqual(
      [
        ...["create d-device", "create d-peers", "delete c-device", "delete c-peers"],
        ...["update a-peers", "update b-peers", "update reports"],
      ].sort(),
    );
  });

  test.each([
    ["`generation` of a", "a"],
    ["`sshAddress` of c", "c"],
    ["`publicIp`", "a"],
    ["`bootTimeout`", "a"],
  ])("of %s touches host %s alone", (title, host) => {
    const hostEffects = effectsOfChange(title).filter((effect) => effect !== "update reports");
    expect(hostEffects.length).toBeGreaterThan(0);
    for (const effect of hostEffects) expect(effect).toMatch(new RegExp(`^update ${host}-`));
  });

  test.each(["`down` of a", "`image` by name", "`waitForCapacity`", "`verify`", "`verifyPort`"])(
    "of %s touches no resource",
    (title) => {
      expect(effectsOfChange(title)).toEqual([]);
    },
  );

  test("of the network's tags and rules touches no phase", () => {
    const titles = changes
      .filter(
        ({ section, effects }) =>
          section === "The network" && effects.some(({ name }) => /-(device|peers)$/.test(name)),
      )
      .map(({ title }) => title);
    expect(titles).toEqual(["`private` of a's subnet"]);
  });
});

describe("the properties that replace a resource are those that Oracle's provider does not call updatable", () => {
  const SDK = join(ROOT, "node_modules/@pulumi/oci");
  /** The documentation of an interface's properties by name. */
  const documentation = (path: string, name: string): Map<string, string> => {
    const file = readFileSync(join(SDK, path), "utf8");
    const body = new RegExp(`^( *)(?:export )?interface ${name} \\{\n([^]*?)^\\1\\}`, "m").exec(file);
    const text = body?.[2] ?? "";
    if (text === "") throw new Error(`${path} has no ${name}`);
    return new Map(
      [...text.matchAll(/\/\*\*([^]*?)\*\/\s+(\w+)\??:/g)].map(([, doc = "", key = ""]) => [key, doc]),
    );
  };
  // The first is no property of Oracle's API, and the stand-in refuses the second.
  const EXCEPTIONS = ["preserveBootVolume", "isIpv6enabled"];
  // Of these two, the documentation marks no property, although some can be updated.
  const UNMARKED_TYPES = /:(DefaultSecurityList|NetworkSecurityGroupSecurityRule)$/;
  const types = Object.entries(TYPES).filter(([token]) => !UNMARKED_TYPES.test(token));

  test.each(types)("%s", (token, { properties }) => {
    const [module = "", type = ""] = token.split(":").slice(1);
    const docs = documentation(`core/${module.split("/")[1]}.d.ts`, `${type}Args`);
    const inputs = Object.entries(properties).filter(
      ([name, { kind }]) => kind !== "output" && !EXCEPTIONS.includes(name),
    );
    expect(inputs.length).toBeGreaterThan(3);
    for (const [name, { change }] of inputs) {
      const isUpdatable = docs.get(name)?.includes("(Updatable)");
      expect([name, isUpdatable]).toEqual([name, change !== "replaces"]);
    }
  });

  test("the VNIC of an instance", () => {
    const docs = documentation("types/input.d.ts", "InstanceCreateVnicDetails");
    const replacingNames = ["subnetId", "privateIp"];
    for (const name of [...replacingNames, "assignPublicIp", "displayName", "freeformTags"])
      expect([name, docs.get(name)?.includes("(Updatable)")]).toEqual([name, !replacingNames.includes(name)]);
  });
});
