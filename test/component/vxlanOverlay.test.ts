import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { VxlanOverlay } from "../../components/index.ts";
import type { VxlanOverlayArgs } from "../../components/index.ts";
import { isSecret, register, unwrap } from "./engineMocks.ts";
import type { MockOutputs, RegisteredResource } from "./engineMocks.ts";

const MACS: Record<string, string> = {
  host01: "3e:2b:74:81:9d:b1",
  host02: "5e:ee:f2:ab:43:f9",
  host03: "02:00:00:00:00:03",
};
const COMMAND = "command:remote:Command";

/** The two hosts of the reference environment, with a test's changes. */
const args = (change: Partial<VxlanOverlayArgs> = {}): VxlanOverlayArgs => ({
  cidrs: ["192.168.0.0/24"],
  hosts: {
    host01: host("10.196.218.222", "192.168.0.1"),
    host02: host("10.196.218.226", "192.168.0.2"),
  },
  ...change,
});

const host = (underlayAddress: string, overlayAddress: string) => ({
  underlayAddress,
  overlayAddresses: [overlayAddress],
  ssh: { host: underlayAddress, privateKey: "PRIVATE-KEY", hostKey: "ssh-ed25519 AAAA" },
});

const installationOf = (hostName: string) => `00000000-0000-4000-8000-0000000000${hostName.slice(-2)}`;

const outputs: MockOutputs = ({ type, name }) => {
  if (type !== COMMAND) return {};
  const [, hostName = ""] = /^\w+-(.*)-device$/.exec(name) ?? [];
  const device = `oci-vxlan device mac=${MACS[hostName]} mtu=9000 installation=${installationOf(hostName)}`;
  return { stdout: name.endsWith("-device") ? device : "", stderr: "" };
};

const build = (overlay: VxlanOverlayArgs) => register(() => new VxlanOverlay("overlay", overlay), outputs);

describe("VxlanOverlay with the reference environment's hosts", () => {
  let resources: RegisteredResource[];
  const find = (name: string) => resources.find((resource) => resource.name === name) as RegisteredResource;
  beforeAll(async () => {
    resources = await build(args());
  });

  test("registers two phases a host, named after it, and one resource for the reports of all", () => {
    expect(resources.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
      `${COMMAND} overlay-host01-device`,
      `${COMMAND} overlay-host01-peers`,
      `${COMMAND} overlay-host02-device`,
      `${COMMAND} overlay-host02-peers`,
      "oci-vxlan:index:VxlanOverlay overlay",
      "pulumi:index:Stash overlay-reports",
    ]);
  });

  test("is the parent of all of them", () => {
    for (const resource of resources.filter(({ type }) => type === COMMAND)) {
      expect(resource.parent).toMatch(/oci-vxlan:index:VxlanOverlay::overlay$/);
    }
  });

  test("feeds each host's MAC and real address to its peer", () => {
    expect(find("overlay-host01-peers").inputs["stdin"]).toMatch(
      /^resource [0-9a-f]{16}\ninstallation 00000000-0000-4000-8000-000000000001\nmtu 8950\npeer host02 5e:ee:f2:ab:43:f9 10\.196\.218\.226 192\.168\.0\.2\nend\n$/,
    );
    expect(find("overlay-host02-peers").inputs["stdin"]).toMatch(
      /^resource [0-9a-f]{16}\ninstallation 00000000-0000-4000-8000-000000000002\nmtu 8950\npeer host01 3e:2b:74:81:9d:b1 10\.196\.218\.222 192\.168\.0\.1\nend\n$/,
    );
  });

  test("gives each host its own settings", () => {
    const { stdin } = find("overlay-host01-device").inputs;
    for (const line of [
      "overlay test.overlay",
      "owner oci-vxlan/test/overlay",
      "device vxlan0",
      "vni 100",
      "port 4789",
      "underlay 10.196.218.222",
      "address 192.168.0.1/24",
    ]) {
      expect(stdin).toContain(`\n${line}\n`);
    }
  });

  test("runs peers after every device", () => {
    const dependsOn = (name: string) =>
      find(name)
        .dependencies.map((urn) => urn.split("::").pop())
        .sort();
    expect(dependsOn("overlay-reports")).toEqual(["overlay-host01-device", "overlay-host02-device"]);
    expect(dependsOn("overlay-host01-peers")).toEqual(["overlay-host01-device", "overlay-reports"]);
  });

  test("gives each resource a digest of its own, which its settings and its delete carry", () => {
    const digests = resources
      .filter(({ type }) => type === COMMAND)
      .map(({ inputs }) => {
        const digest = /\nresource ([0-9a-f]{16})\n/.exec(`\n${inputs["stdin"]}`)?.[1] ?? "none";
        expect(inputs["delete"]).toMatch(new RegExp(` ${digest}[ ']`));
        return digest;
      });
    expect(new Set(digests).size).toBe(4);
  });

  test("deletes a phase before it replaces it, since both have the same digest", () => {
    for (const resource of resources.filter(({ type }) => type === COMMAND)) {
      expect(resource.deleteBeforeReplace).toBe(true);
    }
  });

  test("has no triggers, so that a change never runs a delete", () => {
    for (const { inputs } of resources.filter(({ type }) => type === COMMAND)) {
      expect(inputs["triggers"]).toBeUndefined();
      expect(inputs["addPreviousOutputInEnv"]).toBe(false);
      expect(inputs["logging"]).toBe("none");
    }
  });

  test("keeps the connection secret, pins the host key, and shows no key anywhere else", () => {
    for (const { inputs } of resources.filter(({ type }) => type === COMMAND)) {
      expect(isSecret(inputs["connection"])).toBe(true);
      expect(unwrap(inputs["connection"])).toMatchObject({
        user: "opc",
        port: 22,
        hostKey: "ssh-ed25519 AAAA",
      });
      expect(JSON.stringify({ ...inputs, connection: undefined })).not.toContain("PRIVATE-KEY");
    }
  });
});

describe("VxlanOverlay by its arguments", () => {
  test("a host that is down on purpose keeps what it has, and the others keep it", async () => {
    const { hosts } = args();
    const resources = await build(
      args({ hosts: { ...hosts, host02: { ...host("10.196.218.226", "192.168.0.2"), down: true } } }),
    );
    const ignoredChanges = Object.fromEntries(
      resources.map(({ name, ignoreChanges }) => [name, ignoreChanges]),
    );
    expect(ignoredChanges["overlay-host02-device"]).toEqual(["*"]);
    expect(ignoredChanges["overlay-host02-peers"]).toEqual(["*"]);
    expect(ignoredChanges["overlay-host01-peers"]).toEqual([]);
    expect(resources.find(({ name }) => name === "overlay-host01-peers")?.inputs["stdin"]).toContain(
      "peer host02 ",
    );
  });

  test("a component of another name, or below another parent, has other digests", async () => {
    const digestsOf = async (name: string, parent?: string) => {
      const resources = await register(() => {
        const opts = parent ? { parent: new pulumi.ComponentResource("test:index:Group", parent) } : {};
        new VxlanOverlay(name, args(), opts);
      }, outputs);
      return resources.flatMap(
        ({ inputs }) => /resource ([0-9a-f]{16})\n/.exec(String(inputs["stdin"]))?.[1] ?? [],
      );
    };
    const all = [
      await digestsOf("overlay"),
      await digestsOf("overlay", "group"),
      await digestsOf("overlay2"),
    ].flat();
    expect(all).toHaveLength(12);
    expect(new Set(all).size).toBe(12);
  });

  test("three hosts: each gets the two others in one command", async () => {
    const { hosts } = args();
    const resources = await build(
      args({ hosts: { ...hosts, host03: host("10.196.218.230", "192.168.0.3") } }),
    );
    const peers = resources.filter(({ name }) => name.endsWith("-peers"));
    expect(peers).toHaveLength(3);
    for (const { inputs } of peers) expect(inputs["stdin"].match(/^peer /gm)).toHaveLength(2);
  });

  test("no command text holds anything but the phase", async () => {
    for (const { inputs } of await build(args())) {
      const text = `${inputs["create"]} ${inputs["delete"]}`;
      expect(text).not.toMatch(/10\.196|192\.168|3e:2b|PRIVATE/);
    }
  });

  test("a host key that pins nothing, or what OpenSSH refuses, is refused", async () => {
    const wrongArgs = args();
    const [firstHost, secondHost] = Object.values(wrongArgs.hosts);
    if (firstHost) firstHost.ssh.hostKey = "";
    if (secondHost) secondHost.ssh.hostKey = "ssh-rsa AAAA";
    await expect(build(wrongArgs)).rejects.toThrow(
      /\n {2}hosts\.host01\.ssh\.hostKey: "" is no public host key: .*\n {2}hosts\.host02\.ssh\.hostKey: an RSA host key pins SHA-1/,
    );
    if (firstHost) delete (firstHost.ssh as Partial<typeof firstHost.ssh>).hostKey;
    await expect(build(wrongArgs)).rejects.toThrow(/hosts\.host01\.ssh\.hostKey: no host key is pinned/);
  });

  test("an overlay that holds the address SSH connects to is refused, where that is known by then", async () => {
    const reachedAt = (ssh: pulumi.Input<string>) => {
      const overlay = args();
      Object.assign(overlay.hosts["host02"]?.ssh ?? {}, { host: ssh });
      return build(overlay);
    };
    await expect(reachedAt("192.168.0.50")).rejects.toThrow(
      /^VxlanOverlay "overlay" cannot be built:\n {2}cidrs\[0\]: 192\.168\.0\.0\/24 holds 192\.168\.0\.50, the SSH address at hosts\.host02\.ssh\.host: /,
    );
    for (const ssh of ["203.0.113.21", "host02.example.net", pulumi.output("192.168.0.50")])
      await expect(reachedAt(ssh)).resolves.toHaveLength(6);
  });

  test("wrong arguments are refused, with all problems", async () => {
    const wrongArgs = args({ vni: 0, cidrs: ["192.168.0.0/33"] });
    await expect(build(wrongArgs)).rejects.toThrow(
      /VxlanOverlay "overlay" cannot be built:\n {2}vni: 0 .*\n {2}cidrs\[0\]/,
    );
  });
});
