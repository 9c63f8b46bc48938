import * as pulumi from "@pulumi/pulumi";

/**
 * A resource's inputs as a hook gets them, with every secret opened: one on top is an output, and one further down, as the
 * official `command` plugin marks a connection's key, is still in its wrapping.
 */
export async function openInputs(
  inputs: Record<string, unknown> | undefined,
): Promise<Record<string, unknown>> {
  const resolvedInputs = await new Promise<unknown>((resolve) =>
    (pulumi.output(inputs ?? {}) as pulumi.Output<unknown>).apply(resolve),
  );
  return open(resolvedInputs) as Record<string, unknown>;
}

function open(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (pulumi.runtime.isRpcSecret(value)) return open(pulumi.runtime.unwrapRpcSecret(value));
  if (Array.isArray(value)) return value.map(open);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, open(each)]));
}
