import * as pulumi from "@pulumi/pulumi";

/** One resource as the program registered it. */
export interface RegisteredResource {
  type: string;
  name: string;
  inputs: Record<string, any>;
  parent: string;
  deletedWith: string;
  /** URNs. */
  dependencies: string[];
  ignoreChanges: string[];
  deleteBeforeReplace: boolean;
  additionalSecretOutputs: string[];
  /** URN and id of an explicit provider; empty for the default one. */
  provider: string;
}

/** The mocked engine's outputs of a resource, beside its inputs; an `id` in them is the resource's. */
export type MockOutputs = (resource: { type: string; name: string; inputs: any }) => Record<string, unknown>;

/** The mocked engine's answers to lookups. */
export type Lookups = (token: string, inputs: any) => Record<string, unknown>;

/**
 * Runs a program against Pulumi's mocks, and returns the resources that it registered. Mocks resolve everything at once
 * and check nothing, so these tests look at inputs, names and options; the lifecycle tests look at the order.
 *
 * @param resources gets the resources, also those of a program that fails
 */
export async function register(
  program: () => unknown,
  outputs: MockOutputs = () => ({}),
  lookups: Lookups = (_, inputs) => inputs,
  resources: RegisteredResource[] = [],
): Promise<RegisteredResource[]> {
  await pulumi.runtime.setMocks(
    {
      newResource: (args) => {
        const { id = `${args.name}-id`, ...state } = outputs(args) as { id?: string };
        return { id, state: { ...args.inputs, ...state } };
      },
      call: ({ token, inputs }) => lookups(token, inputs),
    },
    "oci-vxlan",
    "test",
    true, // In a preview, the program logs in to no host.
  );
  // Mocks get a resource's inputs only. The request to the engine has its options too.
  const monitor = pulumi.runtime.getMonitor() as any;
  const registerResource = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request: any, callback: unknown) => {
    resources.push({
      type: request.getType(),
      name: request.getName(),
      inputs: request.getObject().toJavaScript(),
      parent: request.getParent(),
      deletedWith: request.getDeletedwith(),
      dependencies: request.getDependenciesList(),
      ignoreChanges: request.getIgnorechangesList(),
      deleteBeforeReplace: request.getDeletebeforereplace(),
      additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
      provider: request.getProvider(),
    });
    return registerResource(request, callback);
  };
  try {
    program();
  } finally {
    // A refused component has been registered before its error, and the next program has other mocks.
    await (pulumi.runtime as any).waitForRPCs();
  }
  return resources;
}

/** Whether a property went to the engine as a secret. */
export const isSecret = (value: unknown): boolean => pulumi.runtime.isRpcSecret(value);

/** The value inside a secret's wrapping. */
export const unwrap = (value: unknown): any => pulumi.runtime.unwrapRpcSecret(value);
