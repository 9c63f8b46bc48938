import { beforeAll, describe, expect, test } from "vitest";
import { VxlanOverlay } from "../../components/index.ts";
import {
  build,
  HOST_KEY,
  LOGIN_KEY,
  resourceNamed,
  referenceEnvironment,
  rules,
  run,
} from "./environment.ts";
import { isSecret, unwrap } from "./engineMocks.ts";
import type { RegisteredResource } from "./engineMocks.ts";

const PINNED_KEY = "ssh-ed25519 AAAA";
const JUMP_KEY = LOGIN_KEY.replace("OPENSSH", "OPENSSH ");

/** Resources of the environment, by name, without the prefix of the environment's own. */
const connectionOf = (resources: readonly RegisteredResource[], name: string) => {
  const { connection } = resourceNamed(resources, name).inputs;
  expect(isSecret(connection)).toBe(true);
  return unwrap(connection);
};
const dependenciesOf = (resources: readonly RegisteredResource[], name: string) =>
  resourceNamed(resources, name).dependencies.map((urn) => urn.split("::").pop());
const sshSources = (resources: readonly RegisteredResource[]) =>
  rules(resources)
    .ingress.filter(({ protocol }) => protocol === "6")
    .map(({ source, description, tcpOptions }) => [source, description, tcpOptions.min]);

const existing = (address: string) => ({
  overlayAddresses: [`192.168.0.${address.split(".").pop()}`],
  existing: { underlayAddress: address, hostKey: PINNED_KEY },
});

describe("instances behind one of them", () => {
  let resources: RegisteredResource[];
  beforeAll(async () => {
    resources = await build(
      referenceEnvironment((e) => {
        e.ssh.via = "host02";
        e.hosts.host03 = { ...existing("10.5.0.7"), down: true };
        e.hosts.host04 = existing("10.5.0.8");
        e.hosts.host04.existing.direct = true;
      }),
    );
  });

  test("SSH reaches that one by its public address, and the others through it by their private ones", () => {
    const via = connectionOf(resources, "lab-host02-device");
    expect([via.host, via.proxy]).toEqual(["203.0.113.2", undefined]);
    for (const phase of ["ready", "device", "peers"]) {
      const { host, hostKey, proxy } = connectionOf(resources, `lab-host01-${phase}`);
      expect([host, hostKey]).toEqual(["10.196.218.222", HOST_KEY.publicKey]);
      expect(proxy).toMatchObject({
        host: "203.0.113.2",
        port: 22,
        user: "opc",
        privateKey: LOGIN_KEY,
        hostKey: HOST_KEY.publicKey,
      });
    }
    expect(connectionOf(resources, "lab-host03-device").host).toBe("10.5.0.7");
    expect(connectionOf(resources, "lab-host03-device").proxy.host).toBe("203.0.113.2");
    expect(connectionOf(resources, "lab-host04-device").proxy).toBeUndefined();
  });

  test("it is changed first and deleted last, with its phases", () => {
    expect(dependenciesOf(resources, "lab-host01-ready")).toEqual(
      expect.arrayContaining(["lab-host02-instance", "lab-host02-ready"]),
    );
    for (const phase of ["device", "peers"]) {
      for (const host of ["host01", "host03"]) {
        expect(dependenciesOf(resources, `lab-${host}-${phase}`)).toContain(`lab-host02-${phase}`);
        expect(dependenciesOf(resources, `lab-${host}-device`)).toContain("lab-host02-ready");
      }
      expect(dependenciesOf(resources, `lab-host02-${phase}`)).not.toContain(`lab-host01-${phase}`);
      expect(dependenciesOf(resources, `lab-host04-${phase}`)).not.toContain(`lab-host02-${phase}`);
    }
  });

  test("dials from the jump host are few, since nothing limits their time", () => {
    for (const phase of ["ready", "device"]) {
      const { dialErrorLimit, proxy } = connectionOf(resources, `lab-host01-${phase}`);
      expect(dialErrorLimit).toBe(2);
      expect(proxy.dialErrorLimit).toBeGreaterThanOrEqual(9);
    }
  });

  test("the Security List admits SSH from its private address", () => {
    expect(sshSources(resources)).toEqual([
      ["198.51.100.10/32", "SSH from operators", 22],
      ["10.196.218.226/32", "SSH from the jump host", 22],
    ]);
  });

  test("the Security List admits SSH from its subnet where Oracle chooses its address", async () => {
    const sources = sshSources(
      await build(
        referenceEnvironment((e) => {
          e.ssh.via = "host02";
          delete e.hosts.host02.instance.privateIp;
        }),
      ),
    );
    expect(sources[1]).toEqual(["10.196.218.224/30", "SSH from the jump host", 22]);
  });

  test("the reports are in the order of the names, as without a jump host", () => {
    const { input } = resourceNamed(resources, "lab-reports").inputs;
    expect(input.map(({ report }: any) => report.host)).toEqual(["host01", "host02", "host03", "host04"]);
  });
});

describe("a jump host of its own", () => {
  const proxy = {
    address: "203.0.113.200",
    port: 2222,
    user: "jump",
    hostKey: PINNED_KEY,
    privateKey: JUMP_KEY,
  };

  test("leads to every host, with its own key, user and port; a host may have another, or none", async () => {
    const resources = await build(
      referenceEnvironment((e) => {
        e.ssh.proxy = proxy;
        e.ssh.privateKeyPassphrase = "of the hosts' key";
        delete e.hosts.host02.instance.privateIp;
        e.hosts.host02.instance.publicIp = false;
        e.hosts.host03 = existing("10.5.0.7");
        e.hosts.host03.existing.proxy = { address: "203.0.113.201", hostKey: PINNED_KEY };
        e.hosts.host04 = existing("10.5.0.8");
        e.hosts.host04.existing.direct = true;
      }),
    );
    for (const phase of ["ready", "device", "peers"]) {
      const connection = connectionOf(resources, `lab-host01-${phase}`);
      expect(connection.host).toBe("203.0.113.1");
      expect(connection.proxy).toMatchObject({
        host: "203.0.113.200",
        port: 2222,
        user: "jump",
        privateKey: JUMP_KEY,
        hostKey: PINNED_KEY,
      });
      expect(connection.proxy.privateKeyPassword).toBeUndefined();
    }
    expect(connectionOf(resources, "lab-host02-device").host).toBe("10.196.218.200");
    expect(connectionOf(resources, "lab-host03-device").proxy).toMatchObject({
      host: "203.0.113.201",
      user: "opc",
      privateKey: LOGIN_KEY,
      privateKeyPassword: "of the hosts' key",
    });
    expect(connectionOf(resources, "lab-host04-device").proxy).toBeUndefined();
    expect(sshSources(resources).map(([source]) => source)).toEqual(["198.51.100.10/32", "203.0.113.200/32"]);
  });

  test("the Security List admits SSH from the address at which the hosts see it, and needs no operators", async () => {
    const resources = await build(
      referenceEnvironment((e) => {
        e.network.operatorCidrs = [];
        e.ssh.proxy = { ...proxy, sourceAddress: "10.196.218.240" };
      }),
    );
    expect(sshSources(resources)).toEqual([["10.196.218.240/32", "SSH from the jump host", 22]]);
  });

  test("a host that is down is not waited for, whatever changes about its jump host", async () => {
    const resources = await build(referenceEnvironment((e) => (e.hosts.host02.down = true)));
    expect(resourceNamed(resources, "lab-host02-ready").ignoreChanges).toEqual(["*"]);
    expect(resourceNamed(resources, "lab-host01-ready").ignoreChanges).toEqual([]);
  });
});

describe("an SSH agent", () => {
  const PUBLIC = "ssh-ed25519 AAAA of the agent";
  const withAgent = (agent: boolean | string) =>
    build(
      referenceEnvironment((e) => {
        e.ssh = { agent, publicKey: PUBLIC, proxy: { address: "203.0.113.200", hostKey: PINNED_KEY } };
        e.hosts.host03 = existing("10.5.0.7");
        e.hosts.host03.existing.proxy = {
          address: "203.0.113.201",
          hostKey: PINNED_KEY,
          privateKey: JUMP_KEY,
        };
      }),
    );

  test("of the environment: no connection has a key or a path, and instances get the public key", async () => {
    const resources = await withAgent(true);
    for (const phase of ["ready", "device", "peers"]) {
      const { proxy, ...connection } = connectionOf(resources, `lab-host01-${phase}`);
      for (const login of [connection, proxy])
        expect([login.privateKey, login.agentSocketPath]).toEqual([undefined, undefined]);
    }
    const { metadata } = resourceNamed(resources, "lab-host01-instance").inputs;
    expect(unwrap(metadata).ssh_authorized_keys).toBe(PUBLIC);
  });

  test("at a path: every connection dials it, and no other one beside a jump host's own key", async () => {
    const resources = await withAgent("/run/agent");
    for (const host of ["host01", "host03"]) {
      const { proxy, ...connection } = connectionOf(resources, `lab-${host}-device`);
      expect([connection.agentSocketPath, proxy.agentSocketPath]).toEqual(["/run/agent", "/run/agent"]);
    }
    expect(connectionOf(resources, "lab-host03-device").proxy.privateKey).toBe(JUMP_KEY);
  });

  test.each([
    [
      "without the public key of instances",
      { agent: true },
      /ssh\.publicKey: missing: the SSH agent has the private key/,
    ],
    [
      "beside a private key",
      { agent: true, privateKey: LOGIN_KEY, publicKey: PUBLIC },
      /ssh\.agent: given, and a private key too/,
    ],
    ["that is switched off, without a key", { agent: false }, /ssh\.privateKey: no SSH key is given/],
    [
      "with a certificate in place of the public key",
      { agent: true, publicKey: "ssh-ed25519-cert-v01@openssh.com AAAA" },
      /ssh\.publicKey: this is an SSH certificate/,
    ],
  ])("%s is refused", async (_, ssh, message) => {
    await expect(build(referenceEnvironment((e) => (e.ssh = ssh)))).rejects.toThrow(message);
  });
});

describe("VxlanOverlay by itself", () => {
  const host = (number: number, change: object = {}) => ({
    underlayAddress: `10.0.0.${number}`,
    overlayAddresses: [`192.168.0.${number}`],
    ssh: { host: `203.0.113.${number}`, privateKey: "KEY", hostKey: PINNED_KEY },
    ...change,
  });
  const overlay = (hosts: any) => run(() => new VxlanOverlay("lab", { cidrs: ["192.168.0.0/24"], hosts }));
  const refusal = (hosts: any) =>
    overlay(hosts).then(
      () => "accepted",
      (error: Error) => error.message,
    );

  test("takes one of its hosts as the jump host of others", async () => {
    const resources = await overlay({ host01: host(1, { via: "host02" }), host02: host(2) });
    expect(connectionOf(resources, "lab-host01-device").proxy).toMatchObject({
      host: "203.0.113.2",
      user: "opc",
    });
    expect(dependenciesOf(resources, "lab-host01-device")).toEqual(["lab-host02-device"]);
  });

  test.each([
    [
      "that is not there",
      { host01: host(1, { via: "host03" }), host02: host(2) },
      /there is no host "host03"/,
    ],
    ["that is the host itself", { host01: host(1, { via: "host01" }), host02: host(2) }, /jump host itself/],
    [
      "that is down",
      { host01: host(1, { via: "host02" }), host02: host(2, { down: true }) },
      /host02 is set to down, and the others are reached through it/,
    ],
    [
      "in the overlay's network",
      {
        host01: host(1, {
          ssh: {
            ...host(1).ssh,
            proxy: { address: "192.168.0.9", hostKey: PINNED_KEY },
          },
        }),
        host02: host(2),
      },
      /192\.168\.0\.0\/24 holds 192\.168\.0\.9, from which the jump host at hosts\.host01\.ssh\.proxy reaches the hosts/,
    ],
    [
      "without a pinned key",
      {
        host01: host(1, { ssh: { ...host(1).ssh, proxy: { address: "203.0.113.9" } } }),
        host02: host(2),
      },
      /hosts\.host01\.ssh\.proxy\.hostKey: no host key is pinned/,
    ],
  ])("refuses a jump host %s", async (_, hosts, message) => {
    expect(await refusal(hosts)).toMatch(message);
  });
});
