import type { ChildProcess } from "node:child_process";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Sdk } from "../../../lab/test/lifecycle/sdk/client.ts";
import type { Outcome } from "../../../lab/test/support/outcome.ts";
import { CHANGES, environmentBefore } from "../../changes.ts";
import type { Change, Site } from "../../changes.ts";
import { effectsOf, planOf } from "../../component/changeEffects.ts";
import type { Effect } from "../../component/changeEffects.ts";
import { MOCKED_SITE } from "../../component/mockedSite.ts";
import { countTries } from "../../triedCounts.ts";
import { MACHINES, PREPARATIONS, labSite, machineOf, startAgent } from "./changeSite.ts";
import { VPN_CIDR, connectVpn } from "./operatorVpn.ts";
import { expectSuccess, expectUnchanged } from "./outcome.ts";
import { echoesDuring } from "./steadyEcho.ts";
import { TestStack } from "./testStack.ts";

/**
 * Makes the changes of docs/lifecycle.md with the real engine on the lab's cloud. Each starts from the same environment,
 * whose hosts a and b are instances, and goes back to it. All hosts ping each other meanwhile.
 */

/** Seconds between two echoes. */
const INTERVAL = 0.01;

/** The fields of a host that identify it, without those of the way by which SSH reaches it. */
const identityOf = (config: any, host: string) =>
  [machineOf(config, host), config.hosts[host].existing?.underlayAddress] as const;

/** Two hosts that are in an overlay before a change and after it, at the same addresses. */
interface Pair {
  hosts: readonly [string, string];
  address: string;
  /** The machine that sends the echoes. */
  from: string;
}

/** Echoes go from a machine that the change neither restarts nor replaces. */
function pairsOf(before: any, after: any, restartedHosts: readonly string[]): Pair[] {
  const hosts = Object.keys(after.hosts);
  const isSteady = (host: string) =>
    before.hosts[host] !== undefined &&
    !restartedHosts.includes(host) &&
    isDeepStrictEqual(identityOf(before, host), identityOf(after, host));
  const addressOf = (host: string) => after.hosts[host].overlayAddresses[0];
  const addressesBefore = Object.values<any>(before.hosts).map(({ overlayAddresses }) => overlayAddresses[0]);
  const remainingHosts = hosts.filter((host) => addressesBefore.includes(addressOf(host)));
  const pairs = remainingHosts.flatMap((from, index) =>
    remainingHosts.slice(index + 1).map((to) => [from, to] as const),
  );
  return pairs.flatMap(([one, other]) => {
    const [from, to] = isSteady(one) ? [one, other] : [other, one];
    if (!isSteady(from)) return [];
    return [{ hosts: [from, to], address: addressOf(to), from: machineOf(before, from) }];
  });
}

/** Hosts whose resources of these kinds are among the effects. */
const hostsOf = (effects: readonly Effect[], kinds: string) =>
  effects.flatMap(({ name }) => new RegExp(`^(\\w+)-(?:${kinds})$`).exec(name)?.[1] ?? []);

/** Names of the phases that an `up` has run or deleted, without the environment's. */
const phasesIn = ({ text }: Outcome) => {
  const line =
    /command:remote:Command +overlay-(\w+-(?:device|peers|ready)) +(?:created|updated|replaced|deleted)/g;
  return [...new Set([...text.matchAll(line)].map(([, name]) => name))].sort();
};

/** @param lab name of the lab */
export function describeChanges(lab: string, sections: readonly string[]): void {
  describe("a change of an environment", () => {
    let stack: TestStack;
    let sdk: Sdk;
    let agent: ChildProcess | undefined;
    let site: Site;
    beforeAll(async () => {
      stack = await TestStack.bootCloud(lab, MACHINES);
      sdk = new Sdk(stack.lab);
      await connectVpn(stack, "10.20.0.0/16");
      agent = await startAgent(stack);
      site = await labSite(stack, sdk);
      expectSuccess(await stack.up(base()));
    });
    afterAll(async () => {
      (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
      agent?.kill();
      await stack.remove();
    });

    beforeEach(countTries("changes"));

    const base = () => {
      const environment = environmentBefore(site);
      environment.network.operatorCidrs.push(VPN_CIDR);
      return environment;
    };

    /** Runs `up` from one config to another, and expects the echoes to be lost or answered as the page says. */
    async function expectTraffic(
      from: any,
      to: any,
      effects: Effect[],
      { pause, title }: Change,
    ): Promise<void> {
      const pausingHosts = pause === undefined ? [] : hostsOf(effects, "device|instance");
      const pairs = pairsOf(from, to, pause === undefined ? [] : hostsOf(effects, "instance"));
      const tasks = pairs.map(({ from: host, address }) => ({ host, address, interval: INTERVAL }));
      const echoes = await echoesDuring(stack, tasks, async () => {
        const outcome = expectSuccess(await stack.up(to));
        expect(phasesIn(outcome), outcome.text).toEqual(
          effects
            .map(({ name }) => name)
            .filter((name) => /-(device|peers|ready)$/.test(name))
            .sort(),
        );
      });
      let longest = 0;
      pairs.forEach(({ hosts }, index) => {
        const pairEchoes = echoes[index];
        if (hosts.some((host) => pausingHosts.includes(host)))
          longest = Math.max(longest, pairEchoes?.longestPause ?? 0);
        else expect([title, hosts, pairEchoes?.lostCount]).toEqual([title, hosts, 0]);
      });
      if (pause !== undefined) {
        console.info(`${title}: pause of ${longest.toFixed(2)} s`);
        expect(longest).toBeLessThan(3 * pause + 10);
      }
    }

    const changes = sections.flatMap((section) => CHANGES[section] ?? []);
    test.each(changes.filter(({ testedBy }) => testedBy === undefined))("$title", async (change) => {
      const before = await planOf(environmentBefore(MOCKED_SITE));
      const mockedAfter: any = environmentBefore(MOCKED_SITE);
      change.edit(mockedAfter, MOCKED_SITE);
      const effects = await effectsOf(before, mockedAfter);
      const effectsBack = await effectsOf(await planOf(mockedAfter, before), environmentBefore(MOCKED_SITE));

      await PREPARATIONS[change.title]?.(stack, site);
      const after = base();
      change.edit(after, site);
      await expectTraffic(base(), after, effects, change);
      expectUnchanged(await stack.up(after));
      await expectTraffic(after, base(), effectsBack, change);
    });
  });
}
