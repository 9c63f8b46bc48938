import * as pulumi from "@pulumi/pulumi";

/** One resource as the program registered it. */
export interface Registered {
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

/** Answers of the mocked engine: a resource's outputs beyond its inputs. */
export type Answers = (resource: { type: string; name: string; inputs: any }) => Record<string, unknown>;

/** Answers to a program's look-ups. */
export type Lookups = (token: string, inputs: any) => Record<string, unknown>;

/**
 * Runs a piece of a program against Pulumi's mocks and returns what it registered. Mocks resolve everything at
 * once and check nothing, so what they are good for is inputs, names and options; for what happens in which
 * order there are the lifecycle tests.
 */
export async function register(
  program: () => unknown,
  answers: Answers = () => ({}),
  lookups: Lookups = (_, inputs) => inputs,
): Promise<Registered[]> {
  const registered: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: (args) => ({ id: `${args.name}-id`, state: { ...args.inputs, ...answers(args) } }),
      call: ({ token, inputs }) => lookups(token, inputs),
    },
    "oci-vxlan",
    "test",
    true, // As in a preview, no host is asked anything.
  );
  // The mocks are shown a resource's inputs alone; the request that the engine would see has its options too.
  const monitor = pulumi.runtime.getMonitor() as any;
  const pass = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request: any, callback: unknown) => {
    registered.push({
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
    return pass(request, callback);
  };
  program();
  await (pulumi.runtime as any).waitForRPCs();
  return registered;
}

/** Whether a property went to the engine as a secret. */
export const isSecret = (value: unknown): boolean => pulumi.runtime.isRpcSecret(value);

/** The value inside a secret's wrapping. */
export const unwrap = (value: unknown): any => pulumi.runtime.unwrapRpcSecret(value);
