import { execFileSync } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import { OverlayEnvironment } from "../../components/index.ts";
import type { OverlayEnvironmentArgs } from "../../components/index.ts";
import { hostKeyCommand } from "../../components/oci/hostKeyPair.ts";
import { generateKeyPair } from "../sshKeyPair.ts";
import { register } from "./engineMocks.ts";
import type { MockOutputs, RegisteredResource } from "./engineMocks.ts";

/** A login key in the format of ssh-keygen. */
const login = generateKeyPair();
export const LOGIN_KEY = login.private;
export const LOGIN_PUBLIC_KEY = login.public.trim();

export const COMPARTMENT = "ocid1.compartment.oc1..aaaa";
export const AD1 = "Uocm:EU-FRANKFURT-1-AD-1";
export const AD2 = "Uocm:EU-FRANKFURT-1-AD-2";
export const NEWEST = "ocid1.image.oc1.eu-frankfurt-1.newest";

/** A key pair, printed by the stack's own command. */
const { interpreter, create, stdin } = hostKeyCommand();
export const generateHostKeyPair = () =>
  execFileSync(process.execPath, [...interpreter.slice(1), create], { input: stdin, encoding: "utf8" });
const PAIR = generateHostKeyPair();
export const HOST_KEY = JSON.parse(PAIR) as { privateKey: string; publicKey: string };

/** The reference environment with instances, with a test's changes. */
export const referenceEnvironment = (
  change: (args: any) => void = () => undefined,
): OverlayEnvironmentArgs => {
  const args = {
    compartmentId: COMPARTMENT,
    network: {
      vcn: { cidr: "10.196.218.192/26" },
      operatorCidrs: ["198.51.100.10/32"],
      subnets: { host01: { cidr: "10.196.218.220/30" }, host02: { cidr: "10.196.218.224/30" } },
    },
    overlay: { cidrs: ["192.168.0.0/24"] },
    ssh: { privateKey: LOGIN_KEY },
    hosts: {
      host01: {
        overlayAddresses: ["192.168.0.1"],
        instance: { subnet: "host01", privateIp: "10.196.218.222" },
      },
      host02: {
        overlayAddresses: ["192.168.0.2"],
        instance: { subnet: "host02", privateIp: "10.196.218.226" },
      },
    },
  };
  change(args);
  return args;
};

const MACS = ["3e:2b:74:81:9d:b1", "5e:ee:f2:ab:43:f9", "02:00:00:00:00:03", "02:00:00:00:00:04"];

/** Outputs of the mocked cloud and hosts. */
const outputs = ({ type, name, inputs }: { type: string; name: string; inputs: any }) => {
  switch (type) {
    case "oci:Core/vcn:Vcn":
      return { defaultSecurityListId: "ocid1.securitylist.oc1.eu-frankfurt-1.default" };
    case "oci:Core/instance:Instance":
      return {
        bootVolumeId: `${name}-volume`,
        privateIp: inputs.createVnicDetails.privateIp ?? "10.196.218.200",
        publicIp:
          inputs.createVnicDetails.assignPublicIp === "true"
            ? `203.0.113.${/(\d)-instance$/.exec(name)?.[1]}`
            : "",
      };
    case "command:local:Command":
      return { stdout: PAIR, stderr: "" };
    case "command:remote:Command": {
      const host = Number(/(\d)-device$/.exec(name)?.[1] ?? 0);
      const report = `oci-vxlan device mac=${MACS[host - 1]} mtu=9000 installation=00000000-0000-4000-8000-00000000000${host}`;
      return {
        stdout: name.endsWith("-device") ? report : "",
        stderr: "",
      };
    }
    default:
      return {};
  }
};

/** Lookups in the mocked cloud. */
export const lookUp = (token: string, inputs: any): Record<string, unknown> => {
  // As Oracle's provider answers where Oracle knows no such thing.
  if (Object.values(inputs).some((value) => String(value).endsWith(".nobody"))) return {};
  switch (token) {
    case "oci:Identity/getAvailabilityDomains:getAvailabilityDomains":
      return { availabilityDomains: [{ name: AD1 }, { name: AD2 }] };
    case "oci:Core/getImages:getImages":
      return { images: inputs.operatingSystem === "None" ? [] : [{ id: NEWEST }, { id: "older" }] };
    case "oci:Core/getSubnet:getSubnet":
      return {
        cidrBlock: "10.9.0.0/24",
        vcnId: `ocid1.vcn.oc1.eu-frankfurt-1.${inputs.subnetId.endsWith(".elsewhere") ? "other" : "mine"}`,
        prohibitPublicIpOnVnic: inputs.subnetId.endsWith(".private"),
      };
    case "oci:Core/getServices:getServices":
      return {
        services: ["oci-fra-objectstorage", "all-fra-services-in-oracle-services-network"].map(
          (cidrBlock) => ({
            id: `ocid1.service.oc1.eu-frankfurt-1.${cidrBlock.split("-")[0]}`,
            cidrBlock,
          }),
        ),
      };
    case "oci:Core/getVcn:getVcn":
      return {
        vcnId: inputs.vcnId,
        cidrBlocks: ["10.9.0.0/16", "10.196.218.192/26"],
        defaultSecurityListId: "ocid1.securitylist.oc1.eu-frankfurt-1.existing",
      };
    default:
      return inputs;
  }
};

/** The resources that an environment registers, with a test's own outputs for some of them. */
export const build = (
  args: OverlayEnvironmentArgs,
  opts?: any,
  otherOutputs: MockOutputs = () => ({}),
): Promise<RegisteredResource[]> =>
  register(
    () => new OverlayEnvironment("lab", args, opts),
    (resource) => ({ ...outputs(resource), ...otherOutputs(resource) }),
    lookUp,
  );

/** The error of an environment that is refused, and the resources that were registered until then. */
export async function buildRefused(
  args: OverlayEnvironmentArgs,
): Promise<{ message: string; resources: RegisteredResource[] }> {
  const resources: RegisteredResource[] = [];
  const program = () => new OverlayEnvironment("lab", args);
  // Pulumi reports the error of an output by the unhandled rejections of all that waits for it.
  const errors = new Set<unknown>();
  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", (error) => errors.add(error));
  try {
    await register(program, outputs, lookUp, resources).catch((error: unknown) => errors.add(error));
    await setImmediate();
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }
  const [error, secondError] = errors;
  if (!(error instanceof Error) || secondError !== undefined)
    throw new Error(`expected one error, and there were ${errors.size}: ${[...errors].join("; ")}`);
  return { message: error.message, resources };
}

/** The resources that any other program registers with the same cloud. */
export const run = (program: () => unknown): Promise<RegisteredResource[]> =>
  register(program, outputs, lookUp);

/** The resource of a name. */
export const resourceNamed = (
  resources: readonly RegisteredResource[],
  name: string,
  type = "",
): RegisteredResource => {
  const matches = resources.filter((resource) => resource.name === name && resource.type.includes(type));
  const [resource] = matches;
  if (!resource || matches.length > 1)
    throw new Error(`${matches.length} resources are called ${name} (${type})`);
  return resource;
};

/** The rules of the shared Security List. */
export function rules(resources: readonly RegisteredResource[]): { ingress: any[]; egress: any[] } {
  const { ingressSecurityRules: ingress, egressSecurityRules: egress } = resourceNamed(
    resources,
    "lab-network-security-list",
  ).inputs;
  return { ingress, egress };
}
