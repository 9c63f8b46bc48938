import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { AVAILABILITY_DOMAINS, COMPARTMENT, SECOND_COMPARTMENT } from "../../../lab/cloud/region.ts";
import type { Inventory } from "../../../lab/hosts/inventory.ts";
import { keysFolder, loginKey, makeKeys, publicKey } from "../../../lab/hosts/keys.ts";
import { inNetwork } from "../../../lab/network/network.ts";
import { run } from "../../../lab/system/commands.ts";
import { Builder } from "../../../lab/test/lifecycle/sdk/builders.ts";
import { Sdk } from "../../../lab/test/lifecycle/sdk/client.ts";
import type { Site } from "../../changes.ts";
import { startSshAgent } from "../../sshAgent.ts";
import { VPN_HOST } from "./operatorVpn.ts";
import type { TestStack } from "./testStack.ts";

/**
 * The lab in which the changes of docs/lifecycle.md are made: its machines, and the steps that a user takes by hand
 * before.
 */

export const MACHINES: Inventory = {
  ...VPN_HOST,
  machine3: { address: "10.9.0.3/24", mac: "02:00:17:00:03:03", nic: "ens3", image: "oracle-linux-like" },
  machine4: { address: "10.9.0.4/24", mac: "02:00:17:00:03:04", nic: "ens3" },
  machine9: { address: "10.9.0.9/24", mac: "02:00:17:00:03:09", nic: "ens3" },
};

/** The machine in the lab of a host in a config. */
export const machineOf = (config: any, host: string): string => {
  const { existing } = config.hosts[host];
  return existing ? `machine${existing.hostKeyPath.match(/machine(\d)/)?.[1]}` : host;
};

const agentSocket = (stack: TestStack) => join(stack.lab.directory, "agent");

/** Starts an SSH agent that holds the login key. */
export async function startAgent(stack: TestStack): Promise<ChildProcess> {
  const socket = agentSocket(stack);
  const agent = await startSshAgent(socket);
  await run(["ssh-add", "-q", loginKey(stack.lab)], { env: { SSH_AUTH_SOCK: socket } });
  return agent;
}

/** The lab's values that the changes need. The login key is in the agent too. */
export async function labSite(stack: TestStack, sdk: Sdk): Promise<Site> {
  await makeKeys([join(keysFolder(stack.lab), "next_ed25519")]);
  const { items } = await sdk.call("compute", "listImages", {
    compartmentId: COMPARTMENT,
    operatingSystem: "Oracle Linux",
    shape: "VM.Standard.E4.Flex",
  });
  const keyPath = (name: string) => `.lab/keys/${name}`;
  const user = "opc";
  return {
    compartmentId: COMPARTMENT,
    otherCompartmentId: SECOND_COMPARTMENT,
    secondDomain: AVAILABILITY_DOMAINS[1] ?? "",
    otherImageId: items[0].id,
    otherListId: "",
    ssh: {
      before: { user, privateKeyPath: keyPath("opc_ed25519") },
      after: { user, privateKeyPath: keyPath("next_ed25519") },
      both: {},
      agent: { user, agent: agentSocket(stack), publicKeyPath: keyPath("opc_ed25519.pub") },
    },
    machine: (number) => ({
      underlayAddress: `10.9.0.${number}`,
      hostKeyPath: keyPath(`machine${number}_host_ed25519.pub`),
    }),
    otherHostKey: {},
    secondSshAddress: "10.9.0.33",
    jumpHost: { address: "10.9.0.9", hostKeyPath: keyPath("machine9_host_ed25519.pub") },
  };
}

const MACHINE_OF = { a: "a", b: "b", c: "machine3" };
const onEach = (script: string) => async (stack: TestStack) => {
  for (const machine of Object.values(MACHINE_OF)) await stack.on(machine, script);
};
/** Sends packets of a machine to one address on to another one, as a destination NAT on the path would. */
const translate = (from: string, to: string) =>
  "nft 'add table ip translation; add chain ip translation output { type nat hook output priority -100; }; " +
  `add rule ip translation output ip daddr ${from} dnat to ${to}'`;
const SECOND_SSHD = "systemd-run --quiet /usr/sbin/sshd -D -p 2222";
const addUser =
  "id admin 2>/dev/null || { useradd -m -s /bin/bash admin; cp -a ~opc/.ssh ~admin/; " +
  "chown -R admin: ~admin/.ssh; echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin; }";

/** The steps that a user takes by hand before a change, by its title. */
export const PREPARATIONS: Readonly<Record<string, (stack: TestStack, site: Site) => Promise<unknown>>> = {
  "list's `additionalIds`": async (stack, site) => {
    const sdk = new Sdk(stack.lab);
    const { items } = await sdk.call("network", "listVcns", { compartmentId: COMPARTMENT });
    site.otherListId = (await new Builder(stack.lab, sdk).securityList(items[0].id, [], [])).id;
    sdk.close();
  },
  "`user` of c": (stack) => stack.on(MACHINE_OF.c, addUser),
  "`sshAddress` of c": (stack, { secondSshAddress }) =>
    inNetwork(stack.lab.namespace("operator"), translate(secondSshAddress, "10.9.0.3")),
  // As Oracle's network does where a jump host is in another VCN: it reaches instances at their public addresses.
  "`ssh.proxy`": async (stack) => {
    for (const { publicIp, privateIp } of stack.instances())
      if (publicIp) await stack.on("machine9", translate(publicIp, privateIp));
  },
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
