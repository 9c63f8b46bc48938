import * as pulumi from "@pulumi/pulumi";
import { mockedOutputs, mockedLookup } from "./mockedCloud.ts";
import type { StateResource } from "./deployment.ts";

/** Runs a program against Pulumi's mocks, and keeps the state that an engine would write. */

interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getDependenciesList(): string[];
  getDeletedwith(): string;
  getPropertydependenciesMap(): {
    forEach(visit: (value: { getUrnsList(): string[] }, key: string) => void): void;
  };
}

interface Monitor {
  registerResource(request: RegisterRequest, callback: unknown): unknown;
}

/** A state in the making. */
export class MockedState {
  private readonly requests: RegisterRequest[] = [];
  /** Outputs by type and name. */
  private readonly outputs = new Map<string, Record<string, unknown>>();

  /** Sets Pulumi's mocks: what the program registers from now on is kept. */
  async install(): Promise<void> {
    await pulumi.runtime.setMocks(
      {
        newResource: (args) => {
          const inputs = args.inputs as Record<string, unknown>;
          const state = { ...inputs, ...mockedOutputs(args) };
          this.outputs.set(`${args.type} ${args.name}`, state);
          return { id: `${args.name}-id`, state };
        },
        call: ({ token, inputs }) => mockedLookup(token, inputs as Record<string, unknown>),
      },
      "oci-vxlan",
      "bench",
      true, // As in a preview, so that no host is dialled.
    );
    const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
    const register = monitor.registerResource.bind(monitor);
    monitor.registerResource = (request, callback) => {
      this.requests.push(request);
      return register(request, callback);
    };
  }

  toResources(): StateResource[] {
    return this.requests.map((request) => {
      const propertyDependencies: Record<string, string[]> = {};
      request.getPropertydependenciesMap().forEach((value, key) => {
        propertyDependencies[key] = value.getUrnsList();
      });
      const parent = request.getParent();
      return {
        urn: `urn:pulumi:bench::oci-vxlan::${typePath(parent)}${request.getType()}::${request.getName()}`,
        custom: request.getCustom(),
        id: `${request.getName()}-id`,
        type: request.getType(),
        inputs: encrypt(request.getObject().toJavaScript()) as object,
        outputs: encrypt(this.outputs.get(`${request.getType()} ${request.getName()}`) ?? {}) as object,
        parent,
        dependencies: request.getDependenciesList(),
        ...(request.getDeletedwith() === "" ? {} : { deletedWith: request.getDeletedwith() }),
        provider: `urn:pulumi:bench::oci-vxlan::pulumi:providers:${request.getType().split(":")[0]}::default::id`,
        propertyDependencies,
        created: "2026-01-01T00:00:00.000000000Z",
        modified: "2026-01-01T00:00:00.000000000Z",
      };
    });
  }
}

/** The types of a parent and of its parents, as they stand in the URN of a child. */
function typePath(parent: string): string {
  const types = parent.split("::")[2];
  return types === undefined || types.endsWith("pulumi:Stack") ? "" : `${types}$`;
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** Replaces secrets by a text as long as Pulumi's ciphertext: nonce and tag, 28 bytes, and base64. */
function encrypt(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(encrypt);
  if (typeof value !== "object" || value === null) return value;
  const object = value as Record<string, unknown>;
  if (object[SIGNATURE] === SECRET) {
    const bytes = Buffer.byteLength(JSON.stringify(object["value"])) + 28;
    return { [SIGNATURE]: SECRET, ciphertext: `v1:${"x".repeat(Math.ceil(bytes / 3) * 4 + 1)}` };
  }
  return Object.fromEntries(Object.entries(object).map(([key, each]) => [key, encrypt(each)]));
}
