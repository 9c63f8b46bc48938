import * as pulumi from "@pulumi/pulumi";

/**
 * Options of a resource that log advice where one of its operations fails.
 *
 * On `pulumi destroy` the engine runs no program, and so logs no advice, unless `--run-program` is given.
 *
 * @param name of the hook: unique in the program, and the same in every run
 * @param component that the advice is logged for
 * @param adviceOn returns the advice, or undefined where there is none
 * @param tryAgain returns once the operation is to be tried again, or false where it is not. Default: it is not.
 */
export function adviceOnError(
  name: string,
  component: pulumi.Resource,
  adviceOn: (failure: pulumi.ErrorHookArgs) => string | undefined | Promise<string | undefined>,
  tryAgain: (failure: pulumi.ErrorHookArgs) => Promise<boolean> = () => Promise.resolve(false),
): pulumi.CustomResourceOptions {
  // The SDK's mocks take no error hooks.
  if (!("registerErrorHook" in (pulumi.runtime.getMonitor() ?? {}))) return {};
  const hook = new pulumi.ErrorHook(name, async (failure) => {
    if (await tryAgain(failure)) return true;
    const advice = await adviceOn(failure);
    if (advice !== undefined) await pulumi.log.error(advice, component);
    return false;
  });
  return { hooks: { onError: [hook] } };
}
