import { expect, test } from "vitest";
import { explainFailures } from "../../components/failureReport.ts";
import type { HostSession, TestedOverlay } from "../../components/hostProbes.ts";
import type { FailedProbe } from "../../components/vxlan/connectivityTest/failedProbe.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";

const OVERLAY = {
  identity: { overlay: "prod.overlay", owner: "oci-vxlan/prod/overlay" },
  settings: withDefaults({ cidrs: ["192.168.0.0/24"] }),
  mtu: 8950,
} as unknown as TestedOverlay;

/** A host whose session is lost, so that the first answer of each probe stands. */
const lostSession = (name: string) =>
  ({
    host: { name, underlayAddress: "10.0.0.1", overlayAddresses: ["192.168.0.1"], sshPort: 22, report: {} },
    ssh: { run: () => Promise.reject(new Error("lost")) },
  }) as unknown as HostSession;

/** What `up` says where each host fails towards the one after it, in both directions, and hosts answer in some order. */
async function explanationOf(pairs: number, order = (all: FailedProbe[]) => all): Promise<string> {
  const names = Array.from({ length: pairs + 1 }, (_, index) => `host0${index + 1}`);
  const failures = names.slice(1).flatMap((name, index) => {
    const ends = [names[index] ?? "", name];
    return [ends, ends.toReversed()].map(
      ([from, to]) => ({ from, to, address: "192.168.0.1", probe: "icmp", answer: "silent" }) as FailedProbe,
    );
  });
  const { problems } = await explainFailures(OVERLAY, names.map(lostSession), order(failures));
  return problems.join("\n");
}

test.each([
  [3, undefined],
  [4, "1 more failing pair was not examined"],
  [7, "4 more failing pairs were not examined"],
])("of %i failing pairs three are examined, and the others are counted", async (pairs, count) => {
  const text = await explanationOf(pairs);
  expect(text.match(/could not be examined: lost/g)).toHaveLength(3);
  expect(text).toMatch(count ?? /lost\.$/);
  if (count === undefined) expect(text).not.toContain("not examined");
});

test("the same pairs are examined, and named in the same order, whichever host answers first", async () => {
  const text = await explanationOf(4);
  expect(await explanationOf(4, (failures) => failures.toReversed())).toBe(text);
  expect(text).toMatch(/host01 and host02 could not be examined/);
});
