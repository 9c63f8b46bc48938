import fc from "fast-check";
import { expect, test } from "vitest";
import { ConfigError } from "../../stacks/load.ts";
import { countTries } from "../triedCounts.ts";
import { committedEnvironment, resolve, useConfigFolder } from "./configProblems.ts";

useConfigFolder();

/** How many damaged configs have to be refused. */
const REFUSALS = 2_000;

/** What people and templates leave in the place of a value. */
const JUNK: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 65_536, 2 ** 40, 1e300],
  ...[
    "",
    " ",
    "x",
    "CHANGE",
    "null",
    "-",
    "a b",
    "__proto__",
    "../..",
    "host01",
    "❄",
    "\u001b[31m",
    "a\nb",
    "x".repeat(300),
  ],
  ...[
    "10.0.0.0/33",
    "10.0.0.1/24",
    "300.1.1.1",
    "0.0.0.0/0",
    "::/0",
    "fe80::1",
    "192.168.0.1",
    "10.196.218.222",
    "01.2.3.4",
  ],
  ...["ocid1.subnet.oc1..a", "ocid1", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----"],
  ...[[], {}, [null], [[]], [{}], ["x", "x"], { x: 1 }, { id: 1 }],
];

/** Keys of the schema and none, for values in places where they do not belong. */
const KEYS = [
  "id",
  "cidr",
  "vni",
  "host03",
  "existing",
  "instance",
  "proxy",
  "via",
  "agent",
  "hostKey",
  "private",
  "__proto__",
  "",
];

type Place = (string | number)[];

function placesIn(value: unknown, place: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [place];
  const inside = Object.entries(value).flatMap(([key, each]) =>
    placesIn(each, [...place, Array.isArray(value) ? Number(key) : key]),
  );
  return [place, ...inside];
}

/** One damage: a value that is replaced, a key that is gone, or one too many. */
interface Damage {
  kind: "replace" | "remove" | "add";
  /** Chooses the place among those of the config. */
  place: number;
  value: unknown;
  key: string;
}

function damage(config: any, { kind, place, value, key }: Damage): any {
  const places = placesIn(config);
  const path = places[place % places.length] ?? [];
  const holder = path.slice(0, -1).reduce((inner, step) => inner[step], config);
  const last = path.at(-1);
  if (kind === "add") {
    const target = last === undefined ? config : holder[last];
    if (typeof target === "object" && target !== null && !Array.isArray(target))
      Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
    return config;
  }
  if (last === undefined) return kind === "replace" ? value : config;
  if (kind === "replace") holder[last] = structuredClone(value);
  else if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete holder[last];
  return config;
}

const damages = fc.array(
  fc.record({
    kind: fc.constantFrom<Damage["kind"]>("replace", "replace", "remove", "add"),
    place: fc.nat(),
    value: fc.constantFrom(...JUNK),
    key: fc.constantFrom(...KEYS),
  }),
  { minLength: 1, maxLength: 3 },
);

/** A config with more options than those of the committed stacks. */
function withOptions(): any {
  const config = committedEnvironment("lab");
  config.tags = { team: "net" };
  config.network.securityGroup = true;
  config.network.subnets.host02.private = true;
  config.ssh.port = 22;
  config.ssh.via = "host01";
  config.hosts.host01.instance.shape = "VM.Standard.A1.Flex";
  config.hosts.host01.instance.ocpus = 2;
  config.hosts.host02.generation = 1;
  config.overlay.mtu = 1400;
  config.overlay.hostFirewall = "manage";
  config.hosts.old = committedEnvironment("lab-existing").hosts.host01;
  config.hosts.old.overlayAddresses = ["192.168.0.9"];
  config.hosts.old.existing.underlayAddress = "10.9.9.9";
  return config;
}

/** The lines of the error with which a config is refused. */
function refusalOf(config: any): string[] {
  try {
    resolve(config);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
}

test(
  `${REFUSALS} damaged configs are refused in words, each problem with its path`,
  { timeout: 120_000 },
  ({ task }) => {
    const bases = [
      () => committedEnvironment("lab"),
      () => committedEnvironment("lab-existing"),
      withOptions,
    ];
    let refusals = 0;
    fc.assert(
      fc.property(fc.nat(), damages, (base, changes) => {
        const config = changes.reduce(damage, bases[base % bases.length]?.());
        const problems = refusalOf(config);
        if (problems.length > 0) refusals++;
        for (const problem of problems) {
          expect(problem).toMatch(/^ {2}[^ :].*: ./);
          expect(problem).not.toMatch(/undefined|\[object|NaN|Cannot read|is not a function|TypeError|\n/);

          expect(problem).not.toMatch(/[\u0000-\u001f\u007f]/);
          expect(problem.length).toBeLessThan(1_000);
        }
      }),
      { numRuns: 1.25 * REFUSALS, seed: 1 },
    );
    expect(refusals).toBeGreaterThanOrEqual(REFUSALS);
    countTries("bad inputs", refusals)({ task });
  },
);
