import { describe, expect, test } from "vitest";
import { resolveEnvironment } from "../../stacks/load.ts";
import { generateKeyPair } from "../sshKeyPair.ts";
import { environment, KEY, onlyProblem, problems, resolve, useConfigFolder } from "./configProblems.ts";

useConfigFolder();
const proxy = { address: "203.0.113.200", hostKey: KEY };
const onlyProblemOf = (change: (e: any) => void) => onlyProblem(problems(change));

describe("a jump host in the config", () => {
  test("reaches the component with its pinned key, for all hosts and for one", () => {
    const { ssh, hosts } = resolve(
      environment((e: any) => {
        e.ssh = { proxy };
        e.hosts.host02.existing.proxy = {
          ...proxy,
          hostKey: undefined,
          hostKeyPath: ".lab/keys/host01_host_ed25519.pub",
          privateKeyPath: ".lab/keys/opc_ed25519",
        };
      }),
    );
    expect(ssh.proxy).toEqual(proxy);
    expect(hosts["host02"]?.existing?.proxy).toMatchObject({ address: "203.0.113.200", hostKey: KEY });
    expect(hosts["host02"]?.existing?.proxy?.privateKey).toBeDefined();
  });

  test.each([
    ["without a pinned key", { address: "203.0.113.200" }, "ssh.proxy.hostKey: no host key is pinned"],
    ["with a pinned RSA key", { ...proxy, hostKey: "ssh-rsa AAAA" }, "ssh.proxy.hostKey: an RSA host key"],
    [
      "with a key file that is not there",
      { ...proxy, privateKeyPath: "nowhere" },
      "ssh.proxy.privateKeyPath: cannot read",
    ],
    [
      "with a source that is no address",
      { ...proxy, sourceAddress: "bastion" },
      'ssh.proxy.sourceAddress: "bastion" is no IPv4 address',
    ],
    [
      "in the overlay's network",
      { ...proxy, address: "192.168.0.77" },
      "overlay.cidrs[0]: 192.168.0.0/24 holds 192.168.0.77, from which the jump host at ssh.proxy reaches the hosts",
    ],
    [
      "whose connections come from the overlay's network",
      { ...proxy, sourceAddress: "192.168.0.77" },
      "overlay.cidrs[0]: 192.168.0.0/24 holds 192.168.0.77",
    ],
    [
      "that is a host of the environment",
      { ...proxy, address: "10.196.218.226" },
      "ssh.proxy.address: 10.196.218.226 is host02, a host of this overlay: set ssh.via to host02 instead",
    ],
  ])("%s is refused", (_, jumpHost, message) => {
    expect(onlyProblemOf((e) => (e.ssh = { proxy: jumpHost }))).toContain(message);
  });

  test("an encrypted key needs its passphrase", () => {
    const locked = generateKeyPair("secret phrase").private;
    const resolveWith = (secrets: object) => () =>
      resolveEnvironment(
        environment((e: any) => (e.ssh = { proxy })),
        { privateKey: generateKeyPair().private, proxyPrivateKey: locked, ...secrets },
      );
    expect(resolveWith({})).toThrow(
      "sshProxyPrivateKey: the private key is encrypted: set its passphrase with `pulumi config set --secret sshProxyPrivateKeyPassphrase`",
    );
    expect(resolveWith({ proxyPassphrase: "secret phrase" })).not.toThrow();
  });

  test("not both kinds for one host, and not for a host that is reached directly", () => {
    expect(onlyProblemOf((e) => (e.ssh = { proxy, via: "host01" }))).toContain(
      "ssh.via: given beside ssh.proxy",
    );
    expect(onlyProblemOf((e) => Object.assign(e.hosts.host01.existing, { proxy, direct: true }))).toContain(
      "hosts.host01.existing.direct: given beside proxy",
    );
  });
});

describe("ssh.via", () => {
  test("names a host that SSH reaches directly, and that is up", () => {
    expect(problems((e: any) => (e.ssh = { via: "host01" }))).toEqual([]);
    expect(onlyProblemOf((e) => (e.ssh = { via: "host3" }))).toBe(
      'ssh.via: there is no host "host3": name one of host01, host02, which SSH reaches directly.',
    );
    expect(
      onlyProblemOf((e) => {
        e.ssh = { via: "host01" };
        e.hosts.host01.down = true;
      }),
    ).toContain("ssh.via: host01 is set to down");
    expect(
      onlyProblemOf((e) => {
        e.ssh = { via: "host01" };
        e.hosts.host01.existing.proxy = proxy;
      }),
    ).toContain("ssh.via: host01 has a jump host itself");
  });

  test("an instance as the jump host still needs operators, an existing host does not", () => {
    const withNetwork = (e: any) => {
      e.compartmentId = "ocid1.compartment.oc1..aaaa";
      e.network = {
        vcn: { cidr: "10.0.0.0/24" },
        operatorCidrs: [],
        subnets: { all: { cidr: "10.0.0.0/28" } },
      };
      e.hosts.host03 = { overlayAddresses: ["192.168.0.3"], instance: {} };
    };
    expect(
      onlyProblemOf((e) => {
        withNetwork(e);
        e.ssh = { via: "host03" };
      }),
    ).toContain("network.operatorCidrs: SSH would be open to nobody");
    expect(
      problems((e: any) => {
        withNetwork(e);
        e.ssh = { via: "host01" };
      }),
    ).toEqual([]);
  });
});
