import { getInstances } from "@pulumi/oci/core/getInstances.js";
import * as pulumi from "@pulumi/pulumi";
import { openInputs, takesHooks } from "./hookInputs.ts";
import { hostPublicKey } from "./oci/cloudInit.ts";

/** The inputs of an instance by which an earlier launch of it is recognised. */
interface LaunchInputs {
  compartmentId: string;
  displayName: string;
  metadata?: Record<string, string>;
}

/** An instance as the cloud lists it. */
interface ListedInstance {
  id: string;
  state: string;
  metadata?: Record<string, string>;
}

/**
 * Options of an instance that refuse its launch where a killed run has launched it already. Pulumi writes an instance
 * into the state when its launch has ended, so an instance that a killed run launched would keep running, and costing,
 * unnoticed.
 *
 * @param name of the hook, unique in the program
 */
export function refuseSecondLaunch(name: string, parent: pulumi.Resource): pulumi.CustomResourceOptions {
  if (!takesHooks()) return {};
  const refuseHook = new pulumi.ResourceHook(name, async ({ newInputs }) => {
    const inputs = (await openInputs(newInputs)) as unknown as LaunchInputs;
    const { compartmentId, displayName } = inputs;
    // A user who may not list instances may not launch one either, and that error comes next.
    const instanceList = await getInstances({ compartmentId, displayName }, { parent }).catch(
      () => undefined,
    );
    const id = lostLaunch(inputs, instanceList?.instances ?? []);
    if (id !== undefined) throw new Error(lostLaunchAdvice(displayName, id));
  });
  return { hooks: { beforeCreate: [refuseHook] } };
}

/**
 * Finds an earlier launch of an instance among those of its name. The host key that the stack issued tells it from other
 * stacks' instances.
 *
 * @returns its OCID; undefined where there is none, or where it is being terminated
 */
export function lostLaunch(
  { metadata }: LaunchInputs,
  instances: readonly ListedInstance[],
): string | undefined {
  const issuedKey = hostPublicKey(metadata);
  if (issuedKey === undefined) return undefined;
  return instances.find(
    (instance) => !instance.state.startsWith("TERMINAT") && hostPublicKey(instance.metadata) === issuedKey,
  )?.id;
}

const lostLaunchAdvice = (host: string, id: string) =>
  `${host} is there already, and not in the stack's state: a run of this stack was killed while it launched the ` +
  `instance. Nothing uses it yet. Terminate it, then run \`pulumi up\` again:\n` +
  `    oci compute instance terminate --force --wait-for-state SUCCEEDED --wait-interval-seconds 5 --instance-id ${id}`;
