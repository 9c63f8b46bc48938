import { expect, test } from "vitest";
import { environmentBefore } from "../changes.ts";
import { readRecording, recordedReleases } from "../upgrade/recording.ts";
import { effectsOf, planOf } from "./changeEffects.ts";
import { MOCKED_SITE } from "./mockedSite.ts";

const LIST = "network-security-list";

/** Traffic that the Security List admits now and did not in a release; none for a release that is not named. */
const NEW_RULES: Readonly<Record<string, object[]>> = {
  "0.1.0": ["10.20.1.0/24", "10.20.2.0/24", "10.9.0.3/32"].map((source) => ({
    protocol: "1",
    source,
    stateless: false,
    description: "Measurement of the path MTU: echoes from members of the overlay",
    icmpOptions: { type: 8 },
  })),
};

test.each(recordedReleases())(
  "a stack with instances that release %s has set up keeps all that it has in the cloud, and gets new rules",
  async (release) => {
    const { resources } = readRecording(release);
    const previous = new Map(
      resources.map(({ urn, ...resource }) => [
        urn,
        { ...resource, operation: "same" as const, id: `${resource.name}-id` },
      ]),
    );
    const effects = await effectsOf(previous, environmentBefore(MOCKED_SITE));
    const onHosts = /^(\w+-(device|peers|ready)|reports)$/;
    const newRules = NEW_RULES[release] ?? [];
    expect(effects.filter(({ name }) => !onHosts.test(name))).toEqual(
      newRules.length > 0 ? [{ name: LIST, operation: "update" }] : [],
    );
    expect(effects.filter(({ operation }) => operation !== "update")).toEqual([]);

    const before = listIn(previous);
    const rulesBefore = before["ingressSecurityRules"] as object[];
    expect(listIn(await planOf(environmentBefore(MOCKED_SITE), previous))).toEqual({
      ...before,
      ingressSecurityRules: [...rulesBefore, ...newRules],
    });
  },
);

/** The inputs of a plan's Security List. */
function listIn(plan: Awaited<ReturnType<typeof planOf>>): Record<string, unknown> {
  const list = [...plan.values()].find(({ name }) => name.endsWith(LIST));
  if (!list) throw new Error("the plan has no Security List");
  return list.inputs;
}
