import { expect, test } from "vitest";
import { environmentBefore } from "../changes.ts";
import { readRecording, recordedReleases } from "../upgrade/recording.ts";
import { effectsOf } from "./changeEffects.ts";
import { MOCKED_SITE } from "./mockedSite.ts";

test.each(recordedReleases())(
  "a stack with instances that release %s has set up keeps all that it has in the cloud",
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
    expect(effects.filter(({ name }) => !onHosts.test(name))).toEqual([]);
    expect(effects.filter(({ operation }) => operation !== "update")).toEqual([]);
  },
);
