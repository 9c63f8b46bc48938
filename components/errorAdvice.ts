import * as pulumi from "@pulumi/pulumi";

/**
 * Options of a resource whose failures are followed by what to do about them. Whether and when to try again stays
 * the user's.
 *
 * On `pulumi destroy` the engine runs no program, and so no advice either, unless it is asked to by `--run-program`.
 *
 * @param name of the hook, unique in the program, and the same in every run
 * @param component that the advice is logged for
 * @param advise the advice, or undefined where there is none
 */
export function adviceOnError(
  name: string,
  component: pulumi.Resource,
  advise: (failure: pulumi.ErrorHookArgs) => string | undefined,
): pulumi.CustomResourceOptions {
  // The SDK's mocks, which programs are tested with, take no error hooks.
  if (!("registerErrorHook" in (pulumi.runtime.getMonitor() ?? {}))) return {};
  const hook = new pulumi.ErrorHook(name, async (failure) => {
    const text = advise(failure);
    if (text !== undefined) await pulumi.log.error(text, component);
    return false;
  });
  return { hooks: { onError: [hook] } };
}
