import * as pulumi from "@pulumi/pulumi";

/** Whether the engine takes hooks of resources. The SDK's mocks do not. */
export const takesHooks = (): boolean => "registerResourceHook" in (pulumi.runtime.getMonitor() ?? {});

/**
 * A resource's inputs as a hook gets them, without the wrapping of secrets. A secret input is an output; one inside an
 * input, such as the key in the connection of the official `command` plugin, is still as the engine sent it.
 */
export async function openInputs(
  inputs: Record<string, unknown> | undefined,
): Promise<Record<string, unknown>> {
  const resolvedInputs = await new Promise<unknown>((resolve) =>
    (pulumi.output(inputs ?? {}) as pulumi.Output<unknown>).apply(resolve),
  );
  return openSecrets(resolvedInputs) as Record<string, unknown>;
}

/** A value without the wrapping of secrets inside it. */
export function openSecrets(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (pulumi.runtime.isRpcSecret(value)) return openSecrets(pulumi.runtime.unwrapRpcSecret(value));
  if (Array.isArray(value)) return value.map(openSecrets);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, openSecrets(each)]));
}
