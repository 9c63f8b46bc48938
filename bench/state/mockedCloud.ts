import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { hostKeyCommand } from "../../components/oci/hostKeyPair.ts";

/** What Pulumi's mocks answer in place of hosts and Oracle's cloud, in texts as long as the real ones. */

interface MockedResource {
  type: string;
  name: string;
  inputs: unknown;
}

let keyPair: string | undefined;

/** One key pair for all hosts, as the program's own command prints it. */
function mockedKeyPair(): string {
  const { interpreter, create, stdin } = hostKeyCommand();
  keyPair ??= execFileSync(process.execPath, [...interpreter.slice(1), create], {
    input: stdin,
    encoding: "utf8",
  });
  return keyPair;
}

/** A text that differs between resources and is the same in every run. */
const digest = (name: string) => createHash("sha256").update(name).digest("hex");

const ocid = (kind: string, name: string) => `ocid1.${kind}.oc1.eu-frankfurt-1.${digest(name).slice(0, 60)}`;

/** Outputs of a resource, beside its inputs. */
export function mockedOutputs({ type, name, inputs }: MockedResource): Record<string, unknown> {
  switch (type) {
    case "pulumi:index:Stash":
      return { output: (inputs as { input: unknown }).input };
    case "oci:Core/vcn:Vcn":
      return { defaultSecurityListId: ocid("securitylist", name) };
    case "oci:Core/instance:Instance": {
      const { createVnicDetails } = inputs as { createVnicDetails: { privateIp?: string } };
      return {
        bootVolumeId: ocid("bootvolume", name),
        privateIp: createVnicDetails.privateIp,
        publicIp: "203.0.113.7",
        displayName: name,
      };
    }
    case "command:local:Command":
      return { stdout: mockedKeyPair(), stderr: "" };
    case "command:remote:Command":
      return { stdout: mockedReport(name), stderr: "" };
    default:
      return {};
  }
}

/** The line that phase device prints; nothing for the other phases. */
function mockedReport(name: string): string {
  if (!name.endsWith("-device")) return "";
  const octets = digest(name).slice(0, 10).match(/../g) ?? [];
  const installation = digest(name).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5");
  return `oci-vxlan device mac=${["5e", ...octets].join(":")} mtu=9000 installation=${installation}\n`;
}

export function mockedLookup(token: string, inputs: Record<string, unknown>): Record<string, unknown> {
  switch (token) {
    case "oci:Identity/getAvailabilityDomains:getAvailabilityDomains":
      return { availabilityDomains: [{ name: "Uocm:EU-FRANKFURT-1-AD-1" }] };
    case "oci:Core/getImages:getImages":
      return { images: [{ id: ocid("image", "newest") }] };
    default:
      return inputs;
  }
}
