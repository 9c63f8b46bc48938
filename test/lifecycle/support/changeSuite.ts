import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AVAILABILITY_DOMAINS, COMPARTMENT } from "../../../lab/cloud/region.ts";
import type { Inventory } from "../../../lab/hosts/inventory.ts";
import { keysFolder, loginKey, makeKeys, publicKey } from "../../../lab/hosts/keys.ts";
import { run } from "../../../lab/system/commands.ts";
import { Builder } from "../../../lab/test/lifecycle/sdk/builders.ts";
import { Sdk } from "../../../lab/test/lifecycle/sdk/client.ts";
import type { Outcome } from "../../../lab/test/support/outcome.ts";
import { CHANGES, environmentBefore } from "../../changes.ts";
import type { Change, Site } from "../../changes.ts";
import { effectsOf, planOf } from "../../component/changeEffects.ts";
import type { Effect } from "../../component/changeEffects.ts";
import { MOCKED_SITE } from "../../component/mockedSite.ts";
import { startSshAgent } from "../../sshAgent.ts";
import { tried } from "../../tried.ts";
import { VPN_CIDR, VPN_HOST, connectVpn } from "./operatorVpn.ts";
import { expectSuccess, expectUnchanged } from "./outcome.ts";
import { onRouter } from "./faults.ts";
import { echoesDuring } from "./steadyEcho.ts";
import { TestStack } from "./testStack.ts";

/**
 * Makes the changes of docs/lifecycle.md with the real engine on the lab's cloud. Each starts from the same environment,
 * whose hosts a and b are instances, and goes back to it. All hosts ping each other meanwhile.
 */

const MACHINES: Inventory = {
  ...VPN_HOST,
  machine3: { address: "10.9.0.3/24", mac: "02:00:17:00:03:03", nic: "ens3", image: "oracle-linux-like" },
  machine4: { address: "10.9.0.4/24", mac: "02:00:17:00:03:04", nic: "ens3" },
  machine9: { address: "10.9.0.9/24", mac: "02:00:17:00:03:09", nic: "ens3" },
};

/** Seconds between two echoes. */
const INTERVAL = 0.01;

/** Another address of machine3. */
const SECOND_ADDRESS = "10.9.0.33";

/** The machine in the lab of a host in a config. */
const machineOf = (config: any, host: string): string => {
  const { existing } = config.hosts[host];
  return existing ? `machine${existing.hostKeyPath.match(/machine(\d)/)?.[1]}` : host;
};

/** What a host is, apart from how it is reached. */
const identityOf = (config: any, host: string) =>
  [machineOf(config, host), config.hosts[host].existing?.underlayAddress] as const;

/** Two hosts that are in an overlay before a change and after it, at the same addresses. */
interface Pair {
  hosts: readonly [string, string];
  address: string;
  /** The machine that sends the echoes. */
  from: string;
}

/** Echoes go from a machine that neither restarts nor is another one afterwards. */
function pairsOf(before: any, after: any, restarted: readonly string[]): Pair[] {
  const hosts = Object.keys(after.hosts);
  const isSteady = (host: string) =>
    before.hosts[host] !== undefined &&
    !restarted.includes(host) &&
    isDeepStrictEqual(identityOf(before, host), identityOf(after, host));
  const addressOf = (host: string) => after.hosts[host].overlayAddresses[0];
  const addressesBefore = Object.values<any>(before.hosts).map(({ overlayAddresses }) => overlayAddresses[0]);
  const stay = hosts.filter((host) => addressesBefore.includes(addressOf(host)));
  const pairs = stay.flatMap((from, index) => stay.slice(index + 1).map((to) => [from, to] as const));
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
      await makeKeys([join(keysFolder(stack.lab), "next_ed25519")]);
      const socket = join(stack.lab.directory, "agent");
      agent = await startSshAgent(socket);
      await run(["ssh-add", "-q", loginKey(stack.lab)], { env: { SSH_AUTH_SOCK: socket } });
      site = await siteOf(stack, sdk, socket);
      expectSuccess(await stack.up(base()));
    });
    afterAll(async () => {
      (sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
      agent?.kill();
      await stack.remove();
    });

    beforeEach(tried("changes"));

    const base = () => {
      const environment = environmentBefore(site);
      environment.network.operatorCidrs.push(VPN_CIDR);
      return environment;
    };

    /** Runs `up` from one config to another, and expects of the echoes what the page says. */
    async function expectTraffic(
      from: any,
      to: any,
      effects: Effect[],
      { pause, title }: Change,
    ): Promise<void> {
      const pausing = pause === undefined ? [] : hostsOf(effects, "device|instance");
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
        const seen = echoes[index];
        if (hosts.some((host) => pausing.includes(host)))
          longest = Math.max(longest, seen?.longestPause ?? 0);
        else expect([title, hosts, seen?.lost]).toEqual([title, hosts, 0]);
      });
      if (pause !== undefined) {
        console.info(`${title}: pause of ${longest.toFixed(2)} s`);
        expect(longest).toBeLessThan(3 * pause + 10);
      }
    }

    const changes = sections.flatMap((section) => CHANGES[section] ?? []);
    test.each(changes.filter(({ seenBy, untried }) => (seenBy ?? untried) === undefined))(
      "$title",
      async (change) => {
        const before = await planOf(environmentBefore(MOCKED_SITE));
        const mockedAfter: any = environmentBefore(MOCKED_SITE);
        change.edit(mockedAfter, MOCKED_SITE);
        const effects = await effectsOf(before, mockedAfter);
        const effectsBack = await effectsOf(
          await planOf(mockedAfter, before),
          environmentBefore(MOCKED_SITE),
        );

        await PREPARATIONS[change.title]?.(stack, site);
        const after = base();
        change.edit(after, site);
        await expectTraffic(base(), after, effects, change);
        expectUnchanged(await stack.up(after));
        await expectTraffic(after, base(), effectsBack, change);
      },
    );
  });
}

async function siteOf(stack: TestStack, sdk: Sdk, socket: string): Promise<Site> {
  const { items } = await sdk.call("compute", "listImages", {
    compartmentId: COMPARTMENT,
    operatingSystem: "Oracle Linux",
    shape: "VM.Standard.E4.Flex",
  });
  const keyPath = (name: string) => `.lab/keys/${name}`;
  const user = "opc";
  return {
    compartmentId: COMPARTMENT,
    otherCompartmentId: "",
    secondDomain: AVAILABILITY_DOMAINS[1] ?? "",
    otherImageId: items[0].id,
    otherListId: "",
    ssh: {
      before: { user, privateKeyPath: keyPath("opc_ed25519") },
      after: { user, privateKeyPath: keyPath("next_ed25519") },
      both: {},
      agent: { user, agent: socket, publicKeyPath: keyPath("opc_ed25519.pub") },
    },
    machine: (number) => ({
      underlayAddress: `10.9.0.${number}`,
      hostKeyPath: keyPath(`machine${number}_host_ed25519.pub`),
    }),
    otherHostKey: {},
    secondSshAddress: SECOND_ADDRESS,
    jumpHost: { address: "10.9.0.9", hostKeyPath: keyPath("machine9_host_ed25519.pub") },
  };
}

const MACHINE_OF = { a: "a", b: "b", c: "machine3" };
const onEach = (script: string) => async (stack: TestStack) => {
  for (const machine of Object.values(MACHINE_OF)) await stack.on(machine, script);
};
const SECOND_SSHD = "systemd-run --quiet /usr/sbin/sshd -D -p 2222";
const addUser =
  "id admin 2>/dev/null || { useradd -m -s /bin/bash admin; cp -a ~opc/.ssh ~admin/; " +
  "chown -R admin: ~admin/.ssh; echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin; }";
const addAddress = async (stack: TestStack) => {
  await stack.on(MACHINE_OF.c, `ip address replace ${SECOND_ADDRESS}/32 dev ens3`);
  await onRouter(
    stack,
    `ip route replace ${SECOND_ADDRESS} via 10.9.0.3 $(ip -o route get 10.9.0.3 | grep -o "dev [^ ]*")`,
  );
};

/** What a user does by hand before such a change, by its title. */
const PREPARATIONS: Readonly<Record<string, (stack: TestStack, site: Site) => Promise<unknown>>> = {
  "list's `additionalIds`": async (stack, site) => {
    const sdk = new Sdk(stack.lab);
    const { items } = await sdk.call("network", "listVcns", { compartmentId: COMPARTMENT });
    site.otherListId = (await new Builder(stack.lab, sdk).securityList(items[0].id, [], [])).id;
    sdk.close();
  },
  "`underlayAddress` of c": addAddress,
  "`sshAddress` of c": addAddress,
  "`user` of c": (stack) => stack.on(MACHINE_OF.c, addUser),
  "`port` of c's sshd": (stack) =>
    stack.on(MACHINE_OF.c, `firewall-cmd -q --add-port=2222/tcp; ${SECOND_SSHD}`),
  "`verifyPort`": onEach(SECOND_SSHD),
  "`hostFirewall`": onEach(
    "if command -v firewall-cmd; then firewall-cmd -q --add-port=4789/udp; firewall-cmd -q --zone=trusted --change-interface=vxlan0; " +
      "else iptables -I INPUT -p udp --dport 4789 -j ACCEPT; iptables -I INPUT -i vxlan0 -j ACCEPT; fi",
  ),
  "`ssh.user`": onEach(addUser),
  "the login key alone": (stack) =>
    onEach(`echo '${publicKey(join(keysFolder(stack.lab), "next_ed25519"))}' >>~opc/.ssh/authorized_keys`)(
      stack,
    ),
};
