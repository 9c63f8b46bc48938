import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { StatusReport } from "../../status/index.ts";
import { countTries } from "../triedCounts.ts";
import {
  addRules,
  endPartition,
  LARGE_TCP_STOPS,
  onRouter,
  partition,
  REMOVE_RULES,
} from "./support/faults.ts";
import { bothFamilies, HOSTS, threeHosts } from "./support/fleet.ts";
import { expectSuccess } from "./support/outcome.ts";
import { TestStack } from "./support/testStack.ts";

/** What `npm run status` says of three hosts, and of a cut between two of them that somebody made. */
describe("npm run status", () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.boot("test-status", threeHosts());
    expectSuccess(await stack.up(bothFamilies(stack)));
  });
  afterAll(() => stack.remove());
  afterEach(async () => {
    await onRouter(stack, REMOVE_RULES);
    for (const host of HOSTS) await stack.on(host, REMOVE_RULES);
  });

  /** Expects it to find nothing wrong. */
  const expectWell = async () => {
    const { exitCode, text } = await stack.status();
    expect(exitCode, text).toBe(0);
    return text;
  };

  test("shows that all is well", async () => {
    const text = await expectWell();
    expect(text).toContain("oci-vxlan, stack lab: well");
    for (const host of HOSTS) expect(text).toMatch(new RegExp(`^${host} +in sync .* 8950 `, "m"));
    expect(text).toMatch(
      /^12 of 12 paths pass: echoes of 8922 and 8902 bytes, .*TCP to sshd too, 256 KiB to 3 of 3 hosts$/m,
    );
  });

  test("is a value for a program of one's own, or an error of its own class", async () => {
    const { stdout, stderr } = await stack.runReader("test/lifecycle/programs/readStatus.ts");
    expect(stderr).toBe("");
    const { state, overlays } = JSON.parse(stdout) as StatusReport;
    expect(state).toBe("well");
    expect(overlays.map(({ hosts, paths }) => [hosts.length, paths.length])).toEqual([[3, 12]]);
    const other = await stack.runReader("test/lifecycle/programs/readStatus.ts", "no-such-stack");
    expect(other.stdout).toMatch(/^could not look: /);
  });

  describe("finds a cut", () => {
    beforeEach(countTries("faults"));

    const UNIT = "oci-vxlan@lab.overlay";

    /** Test name, what is done to beta, what `status` says, and the command in it that repairs beta. */
    const CUTS: [string, string, RegExp, RegExp][] = [
      [
        "a host firewall that drops VXLAN",
        addRules("input", "udp dport 4789 drop"),
        /beta: table inet fault, chain input \(hook input\) refuses VXLAN/,
        /^ *(sudo nft delete rule inet fault input handle \d+)$/m,
      ],
      [
        "an FDB entry that nothing repairs",
        `systemctl stop ${UNIT}; bridge fdb show dev vxlan0 | awk '/dst 10.196.219.2 /{ print $1 }' | ` +
          "while read -r mac; do bridge fdb del $mac dev vxlan0 dst 10.196.219.2; done",
        /beta: the FDB of vxlan0 has no entry for MAC \S+ of alpha/,
        new RegExp(`beta: .*: (sudo systemctl enable --now ${UNIT}.service)\\.`),
      ],
      [
        "a NIC that carries less",
        "ip link set dev ens3 mtu 1500",
        /beta: its NIC ens3 has MTU 1500, and vxlan0 with MTU 8950 needs 9000/,
        /beta: its NIC .*: (sudo ip link set dev ens3 mtu 9000), or/,
      ],
    ];

    test.each(CUTS)(
      "%s, and names the command that repairs it",
      async (_, faultCommand, message, command) => {
        await stack.on("beta", faultCommand);
        const { exitCode, text } = await stack.status();
        expect(exitCode, text).toBe(1);
        expect(text).toMatch(message);
        expect(text).not.toMatch(/alpha -> gamma|gamma -> alpha/);
        await stack.on(
          "beta",
          command.exec(text)?.[1] ?? `echo "status names no command: ${command.source}" >&2; exit 1`,
        );
        // The kernel remembers the MTU of a path, for each address family, and status names that next.
        const flush = /^ +(\w+) remembers .*: (sudo ip (?:-6 )?route flush cache)\./gm;
        for (let round = 0; round < 2; round++) {
          const statusAfterRepair = await stack.status();
          if (statusAfterRepair.exitCode === 0) return;
          for (const [, host = "", flushCommand = ""] of statusAfterRepair.text.matchAll(flush))
            await stack.on(host, flushCommand);
        }
        await expectWell();
      },
    );

    test("a transfer that stops, while sshd's banner passes", async () => {
      await stack.on("beta", LARGE_TCP_STOPS);
      const { exitCode, text } = await stack.status();
      expect(exitCode, text).toBe(1);
      expect(text).toMatch(/^alpha +TCP FAILS +[\d.]+ ms$/m);
      expect(text).toMatch(/alpha -> beta .*a transfer of 256 KiB does not arrive/);
      expect(text).not.toMatch(/gamma -> |-> gamma/);
      await stack.on("beta", REMOVE_RULES);
    });

    test("a host that is off, and tells it from one that only SSH does not reach", async () => {
      await onRouter(stack, addRules("forward", "ip daddr 10.196.219.3 tcp dport 22 reject"));
      const statusWithoutSsh = await stack.status();
      expect(statusWithoutSsh.text).toMatch(/beta: no SSH session to 10\.196\.219\.3: .*ECONNREFUSED/);
      expect(statusWithoutSsh.text).toContain("beta is up, since peers reach it over the overlay");
      await onRouter(stack, REMOVE_RULES);
      await partition(stack, "10.196.219.3");
      const statusOfPartition = await stack.status();
      expect([statusWithoutSsh.exitCode, statusOfPartition.exitCode]).toEqual([1, 1]);
      expect(statusOfPartition.text).toContain(
        "beta is reached by none of its peers either: it is most likely off.",
      );
      await endPartition(stack);
      await expectWell();
    });
  });
});
