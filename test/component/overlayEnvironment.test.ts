import * as oci from "@pulumi/oci";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { OverlayEnvironment } from "../../components/index.ts";
import { instanceMetadata } from "../../components/oci/cloudInit.ts";
import type { HostKeyPair } from "../../components/oci/hostKeyPair.ts";
import {
  AD1,
  AD2,
  build,
  COMPARTMENT,
  generateHostKeyPair,
  HOST_KEY,
  LOGIN_KEY,
  LOGIN_PUBLIC_KEY,
  referenceEnvironment,
  resourceNamed,
  NEWEST,
  rules,
  run,
} from "./environment.ts";
import { isSecret, unwrap } from "./engineMocks.ts";
import type { RegisteredResource } from "./engineMocks.ts";

const userData = (instance: RegisteredResource): string =>
  Buffer.from(unwrap(instance.inputs["metadata"]).user_data, "base64").toString();

const withoutKey = (value: object, key: string) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));

describe("the reference environment", () => {
  let resources: RegisteredResource[];
  const inputs = (name: string, type = "") => resourceNamed(resources, name, type).inputs;
  beforeAll(async () => {
    resources = await build(referenceEnvironment());
  });

  test("has these resources, each below its component", () => {
    const tree = resources.map(
      ({ type, name, parent }) => `${parent.split("::").pop()} > ${name} (${type.split(":").pop()})`,
    );
    expect(tree.sort()).toEqual(
      [
        " > lab (OverlayEnvironment)",
        "lab > lab (VxlanOverlay)",
        "lab > lab-reports (Stash)",
        "lab > lab-network (HostNetwork)",
        "lab-network > lab-network-vcn (Vcn)",
        "lab-network > lab-network-gateway (InternetGateway)",
        "lab-network > lab-network-routes (RouteTable)",
        "lab-network > lab-network-security-list (SecurityList)",
        "lab-network > lab-network-host01-subnet (Subnet)",
        "lab-network > lab-network-host02-subnet (Subnet)",
        ...["host01", "host02"].flatMap((host) => [
          `lab > lab-${host} (OverlayHost)`,
          `lab-${host} > lab-${host}-host-key (Command)`,
          `lab-${host} > lab-${host}-instance (Instance)`,
          `lab-${host} > lab-${host}-ready (Command)`,
          `lab > lab-${host}-device (Command)`,
          `lab > lab-${host}-peers (Command)`,
        ]),
      ].sort(),
    );
  });

  test("every child's name begins with its parent's", () => {
    for (const { name, parent } of resources)
      expect(name).toMatch(new RegExp(`^${parent.split("::").pop()}`));
  });

  test("the network has internet access", () => {
    expect(inputs("lab-network-vcn")).toEqual({
      compartmentId: COMPARTMENT,
      displayName: "oci-vxlan-test",
      cidrBlocks: ["10.196.218.192/26"],
    });
    expect(inputs("lab-network-gateway")).toMatchObject({ vcnId: "lab-network-vcn-id", enabled: true });
    expect(inputs("lab-network-routes")["routeRules"]).toEqual([
      { destination: "0.0.0.0/0", destinationType: "CIDR_BLOCK", networkEntityId: "lab-network-gateway-id" },
    ]);
    expect(inputs("lab-network-host02-subnet")).toEqual({
      compartmentId: COMPARTMENT,
      vcnId: "lab-network-vcn-id",
      cidrBlock: "10.196.218.224/30",
      displayName: "host02",
      routeTableId: "lab-network-routes-id",
      prohibitPublicIpOnVnic: false,
      securityListIds: ["lab-network-security-list-id"],
    });
  });

  test("the shared list admits VXLAN between the members without tracking, echoes between them, and SSH from operators", () => {
    expect(inputs("lab-network-security-list")["displayName"]).toBe("internal-hosts");
    const vxlan = { protocol: "17", stateless: true, udpOptions: { min: 4789, max: 4789 } };
    const echo = { protocol: "1", stateless: false, icmpOptions: { type: 8 } };
    expect(rules(resources).ingress.map((rule) => withoutKey(rule, "description"))).toEqual([
      { ...vxlan, source: "10.196.218.220/30" },
      { ...vxlan, source: "10.196.218.224/30" },
      { protocol: "6", source: "198.51.100.10/32", stateless: false, tcpOptions: { min: 22, max: 22 } },
      { protocol: "1", source: "0.0.0.0/0", stateless: false, icmpOptions: { type: 3, code: 4 } },
      { ...echo, source: "10.196.218.220/30" },
      { ...echo, source: "10.196.218.224/30" },
    ]);
    expect(rules(resources).egress.map((rule) => withoutKey(rule, "description"))).toEqual([
      { ...vxlan, destination: "10.196.218.220/30" },
      { ...vxlan, destination: "10.196.218.224/30" },
      { protocol: "all", destination: "0.0.0.0/0", stateless: false },
    ]);
    expect(JSON.stringify(rules(resources))).not.toContain("sourcePortRange");
  });

  test("an instance has what the config sets, and the defaults", () => {
    expect(withoutKey(inputs("lab-host01-instance"), "metadata")).toEqual({
      compartmentId: COMPARTMENT,
      displayName: "host01",
      availabilityDomain: AD1,
      faultDomain: "FAULT-DOMAIN-1",
      shape: "VM.Standard.E4.Flex",
      shapeConfig: { ocpus: 1, memoryInGbs: 4 },
      sourceDetails: { sourceType: "image", sourceId: NEWEST },
      createVnicDetails: {
        subnetId: "lab-network-host01-subnet-id",
        displayName: "host01",
        assignPublicIp: "true",
        privateIp: "10.196.218.222",
      },
      instanceOptions: { areLegacyImdsEndpointsDisabled: true },
    });
    expect(inputs("lab-host02-instance")["faultDomain"]).toBe("FAULT-DOMAIN-2");
  });

  test("properties with a default stay as they were, and a replaced instance is deleted first", () => {
    const instance = resourceNamed(resources, "lab-host01-instance");
    expect(instance.ignoreChanges.sort()).toEqual([
      "availabilityDomain",
      "faultDomain",
      "metadata",
      "sourceDetails.sourceId",
    ]);
    expect(instance.deleteBeforeReplace).toBe(true);
    expect(instance.additionalSecretOutputs).toEqual(["metadata"]);
  });

  test("the host key is issued by the stack, kept secret, and never generated again", () => {
    const command = resourceNamed(resources, "lab-host01-host-key");
    expect(command.type).toBe("command:local:Command");
    expect(command.ignoreChanges).toEqual(["*"]);
    expect(command.additionalSecretOutputs).toEqual(["stdout"]);
    expect(command.inputs).toMatchObject({ logging: "none", addPreviousOutputInEnv: false });
    expect(command.inputs["interpreter"]).toEqual(["node", "--input-type=module"]);
    expect(JSON.stringify(command.inputs)).not.toMatch(/\/(root|home|usr|work|tmp)\//);
  });

  test("the command that issues a host key generates another each time", () => {
    expect(generateHostKeyPair()).not.toBe(generateHostKeyPair());
  });

  test("the instance gets the host key and the login key, and every connection pins the one and uses the other", () => {
    const instance = resourceNamed(resources, "lab-host01-instance");
    expect(isSecret(instance.inputs["metadata"])).toBe(true);
    expect(unwrap(instance.inputs["metadata"]).ssh_authorized_keys).toBe(LOGIN_PUBLIC_KEY);
    expect(userData(instance)).toContain(JSON.stringify(HOST_KEY.privateKey));
    expect(userData(instance)).toContain(LOGIN_PUBLIC_KEY);
    for (const phase of ["ready", "device", "peers"]) {
      const { connection } = inputs(`lab-host01-${phase}`);
      expect(isSecret(connection)).toBe(true);
      expect(unwrap(connection)).toMatchObject({
        host: "203.0.113.1",
        user: "opc",
        hostKey: HOST_KEY.publicKey,
        privateKey: LOGIN_KEY,
      });
    }
  });

  describe("a host key that was issued anew, with an instance that was launched with another", () => {
    const launchedKey = JSON.parse(generateHostKeyPair()) as HostKeyPair;
    const metadata = (hostKey: HostKeyPair) =>
      instanceMetadata({ hostname: "host01", user: "opc", authorizedKeys: [LOGIN_PUBLIC_KEY], hostKey });
    const pinnedKeys = async (instanceMetadata: unknown) => {
      const builtResources = await build(referenceEnvironment(), {}, ({ name }) =>
        name === "lab-host01-instance" ? { metadata: instanceMetadata } : {},
      );
      return ["ready", "device", "peers"].map(
        (phase) => unwrap(resourceNamed(builtResources, `lab-host01-${phase}`).inputs["connection"]).hostKey,
      );
    };
    const threeTimes = (key: unknown) => [key, key, key];

    test("every connection pins the one in the instance's metadata", async () => {
      expect(await pinnedKeys(metadata(launchedKey))).toEqual(threeTimes(launchedKey.publicKey));
      expect(await pinnedKeys({ ...metadata(launchedKey), note: "n" })).toEqual(
        threeTimes(launchedKey.publicKey),
      );
    });

    test("the issued one is pinned where the instance returns no metadata", async () => {
      expect(await pinnedKeys(null)).toEqual(threeTimes(HOST_KEY.publicKey));
      expect(await pinnedKeys({ ssh_authorized_keys: LOGIN_PUBLIC_KEY })).toEqual(
        threeTimes(HOST_KEY.publicKey),
      );
    });
  });

  test("private keys stand only in secrets", () => {
    const open = (value: any): any =>
      isSecret(value)
        ? "[secret]"
        : Array.isArray(value)
          ? value.map(open)
          : typeof value === "object" && value !== null
            ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, open(inner)]))
            : value;
    const plainInputs = JSON.stringify(resources.map(({ inputs }) => open(inputs)));
    for (const secret of [LOGIN_KEY, HOST_KEY.privateKey])
      expect(plainInputs).not.toContain(secret.split("\n")[1]);
  });

  test("phase ready runs again for a replaced instance or boot volume, and the later phases wait for it", () => {
    const ready = resourceNamed(resources, "lab-host01-ready");
    expect(unwrap(ready.inputs["connection"])).toMatchObject({ dialErrorLimit: 68, perDialTimeout: 3 });
    expect(ready.inputs["stdin"]).toContain("lab-host01-instance-id");
    expect(ready.inputs["delete"]).toBeUndefined();
    expect(ready.inputs["triggers"]).toBeUndefined();
    const device = resourceNamed(resources, "lab-host01-device");
    expect(device.dependencies.map((urn) => urn.split("::").pop())).toContain("lab-host01-ready");
    expect(device.inputs["stdin"]).toContain("\nmachine lab-host01-instance-id lab-host01-instance-volume\n");
    expect(unwrap(device.inputs["connection"])["dialErrorLimit"]).toBe(9);
  });

  test("phases are deleted with their instance's phase ready, which is in the state also where the instance is gone", () => {
    for (const phase of ["device", "peers"]) {
      expect(resourceNamed(resources, `lab-host02-${phase}`).deletedWith).toMatch(/::lab-host02-ready$/);
    }
  });
});

describe("hosts", () => {
  test("three in one subnet: one rule each way, and Oracle chooses the addresses", async () => {
    const resources = await build(
      referenceEnvironment((args) => {
        args.network.subnets = { all: { cidr: "10.196.218.192/27" } };
        args.hosts = Object.fromEntries(
          [1, 2, 3].map((n) => [`host0${n}`, { overlayAddresses: [`192.168.0.${n}`], instance: {} }]),
        );
      }),
    );
    const { ingress } = rules(resources);
    expect(ingress.filter(({ protocol }) => protocol === "17").map(({ source }) => source)).toEqual([
      "10.196.218.192/27",
    ]);
    const faultDomains = resources
      .filter(({ type }) => type === "oci:Core/instance:Instance")
      .map(({ inputs }) => inputs["faultDomain"]);
    expect(new Set(faultDomains).size).toBe(3);
    expect(
      resourceNamed(resources, "lab-host03-instance").inputs["createVnicDetails"]["privateIp"],
    ).toBeUndefined();
  });

  test("provisioned and existing, mixed: the list admits the existing one, whose phases are undone by SSH", async () => {
    const resources = await build(
      referenceEnvironment((args) => {
        args.hosts.host03 = {
          overlayAddresses: ["192.168.0.3"],
          existing: { underlayAddress: "10.5.0.7", user: "ubuntu", hostKey: "ssh-ed25519 AAAA" },
        };
      }),
    );
    expect(rules(resources).ingress.map(({ source }) => source)).toContain("10.5.0.7/32");
    expect(resources.filter(({ name }) => name.startsWith("lab-host03")).map(({ name }) => name)).toEqual([
      "lab-host03-device",
      "lab-host03-peers",
    ]);
    const device = resourceNamed(resources, "lab-host03-device");
    expect(device.deletedWith).toBe("");
    expect(unwrap(device.inputs["connection"])).toMatchObject({
      host: "10.5.0.7",
      user: "ubuntu",
      hostKey: "ssh-ed25519 AAAA",
    });
    expect(resourceNamed(resources, "lab-host01-peers").inputs["stdin"]).toContain(" 10.5.0.7 192.168.0.3");
  });

  test("existing ones alone need no cloud", async () => {
    const existing = (address: string) => ({ underlayAddress: address, hostKey: "ssh-ed25519 AAAA" });
    const resources = await build({
      overlay: { cidrs: ["192.168.0.0/24"] },
      ssh: { privateKey: LOGIN_KEY },
      hosts: {
        host01: { overlayAddresses: ["192.168.0.1"], existing: existing("10.5.0.7") },
        host02: { overlayAddresses: ["192.168.0.2"], existing: existing("10.5.0.8") },
      },
    });
    expect(resources.filter(({ type }) => type.startsWith("oci:"))).toEqual([]);
  });

  test("image, placement and size can be set, and changed later", async () => {
    const resources = await build(
      referenceEnvironment((args) => {
        Object.assign(args.hosts.host01.instance, {
          image: { id: "ocid1.image.oc1.eu-frankfurt-1.mine" },
          availabilityDomain: "ad-2",
          faultDomain: "any",
          shape: "VM.Standard.E2.1.Micro",
          publicIp: false,
          legacyMetadata: true,
          bootTimeout: 60,
        });
      }),
    );
    const { inputs, ignoreChanges } = resourceNamed(resources, "lab-host01-instance");
    expect(inputs).toMatchObject({
      availabilityDomain: AD2,
      shape: "VM.Standard.E2.1.Micro",
      sourceDetails: { sourceId: "ocid1.image.oc1.eu-frankfurt-1.mine" },
      createVnicDetails: { assignPublicIp: "false" },
      instanceOptions: { areLegacyImdsEndpointsDisabled: false },
    });
    expect(inputs["faultDomain"]).toBeUndefined();
    expect(inputs["shapeConfig"]).toBeUndefined();
    expect(ignoreChanges).toEqual(["metadata"]);
    expect(unwrap(resourceNamed(resources, "lab-host01-ready").inputs["connection"])).toMatchObject({
      host: "10.196.218.222",
      dialErrorLimit: 20,
    });
  });
});

describe("every child inherits", () => {
  test("tags", async () => {
    const resources = await build(referenceEnvironment((args) => (args.tags = { team: "net" })));
    const cloud = resources.filter(({ type }) => type.startsWith("oci:Core"));
    expect(cloud).toHaveLength(8);
    for (const { inputs } of cloud) expect(inputs["freeformTags"]).toEqual({ team: "net" });
    expect(resourceNamed(resources, "lab-host01-instance").inputs["createVnicDetails"].freeformTags).toEqual({
      team: "net",
    });
  });

  test("an explicit provider", async () => {
    const resources = await run(() => {
      const provider = new oci.Provider("frankfurt", { region: "eu-frankfurt-1" });
      return new OverlayEnvironment("lab", referenceEnvironment(), { providers: [provider] });
    });
    const cloud = resources.filter(({ type }) => type.startsWith("oci:Core"));
    expect(cloud).toHaveLength(8);
    for (const { provider } of cloud) expect(provider).toContain("::frankfurt::");
  });
});

describe("wrong arguments are refused, with all problems", () => {
  test("the environment's own, the cloud's and the overlay's", async () => {
    const wrongArgs = referenceEnvironment((args) => {
      delete args.compartmentId;
      args.overlay.vni = 0;
      args.hosts.host02.instance.privateIp = "10.196.218.225";
      args.hosts.host01.existing = { underlayAddress: "10.0.0.1", hostKey: "ssh-ed25519 AAAA" };
    });
    await expect(build(wrongArgs)).rejects.toThrow(
      /^OverlayEnvironment "lab" cannot be built:\n {2}hosts\.host01: .*\n {2}compartmentId: .*\n {2}hosts\.host02\.instance\.privateIp: .*\n {2}overlay\.vni: /,
    );
  });

  test("what the overlay alone would refuse, such as its port for the connectivity test and its own name", async () => {
    const wrongArgs = referenceEnvironment((args) => (args.overlay.verifyPort = 70_000));
    await expect(run(() => new OverlayEnvironment("my lab", wrongArgs))).rejects.toThrow(
      /^OverlayEnvironment "my lab" cannot be built:\n {2}overlay\.verifyPort: 70000 .*\n {2}<stack>\.<name>: "test\.my lab" /,
    );
  });

  test("an existing host without a host key, or with an RSA one, is refused", async () => {
    const withHostKey = (hostKey: unknown) =>
      referenceEnvironment((args) => {
        args.hosts.host03 = {
          overlayAddresses: ["192.168.0.3"],
          existing: { underlayAddress: "10.5.0.7", hostKey },
        };
      });
    await expect(build(withHostKey("ssh-rsa AAAA"))).rejects.toThrow(
      /^OverlayEnvironment "lab" cannot be built:\n {2}hosts\.host03\.existing\.hostKey: an RSA host key/,
    );
    await expect(build(withHostKey(""))).rejects.toThrow(
      /hosts\.host03\.existing\.hostKey: "" is no public host key/,
    );
    await expect(build(withHostKey(undefined))).rejects.toThrow(
      /hosts\.host03\.existing\.hostKey: no host key is/,
    );
  });

  test("an existing host beside a network, whose address is an output, is refused: the shared list would not admit it", async () => {
    const wrongArgs = referenceEnvironment((args) => {
      args.hosts.host03 = {
        overlayAddresses: ["192.168.0.3"],
        existing: { underlayAddress: pulumi.output("10.5.0.7"), hostKey: "ssh-ed25519 AAAA" },
      };
    });
    await expect(build(wrongArgs)).rejects.toThrow(
      /hosts\.host03\.existing\.underlayAddress: .* give it as text, not as an output/,
    );
  });
});
