import { readFileSync } from "node:fs";
import type { BlockstorageClient, ComputeClient, VirtualNetworkClient } from "oci-core";
import type { IdentityClient } from "oci-identity";

/** Clients of Oracle's SDK. They are loaded when the first is needed: most previews call nothing. */
export interface Clients {
  network: VirtualNetworkClient;
  compute: ComputeClient;
  blockstorage: BlockstorageClient;
  identity: IdentityClient;
}

let made: Promise<Clients> | undefined;

export const clients = (): Promise<Clients> => (made ??= make());

/** How often a call is tried that failed for a while only, and how many seconds at most lie between two tries. */
const ATTEMPTS = 5;
const LONGEST_PAUSE = 4;

async function make(): Promise<Clients> {
  const [common, core, { IdentityClient }] = await Promise.all([
    import("oci-common"),
    import("oci-core"),
    import("oci-identity"),
  ]);
  const authenticationDetailsProvider = new common.SimpleAuthenticationDetailsProvider(
    setting("tenancy_ocid"),
    setting("user_ocid"),
    setting("fingerprint"),
    readFileSync(setting("private_key_path"), "utf8"),
    null,
    common.Region.fromRegionId(setting("region")),
  );
  const configuration = {
    circuitBreaker: new common.CircuitBreaker({ disableClientCircuitBreaker: true }),
    retryConfiguration: {
      terminationStrategy: new common.MaxAttemptsTerminationStrategy(ATTEMPTS),
      delayStrategy: new common.ExponentialBackoffDelayStrategy(LONGEST_PAUSE),
      retryCondition: ({ statusCode, message }: { statusCode: number; message: string }) =>
        // Capacity does not come back within seconds, and the real plugin does not wait for it either.
        !message.includes("Out of host capacity") && !(statusCode < 500 && ![409, 429].includes(statusCode)),
    },
  };
  const parameters = { authenticationDetailsProvider };
  return {
    network: new core.VirtualNetworkClient(parameters, configuration),
    compute: new core.ComputeClient(parameters, configuration),
    blockstorage: new core.BlockstorageClient(parameters, configuration),
    identity: new IdentityClient(parameters, configuration),
  };
}

/** A setting from the environment, where the real plugin looks for it first. */
function setting(name: string): string {
  const variables = [`TF_VAR_${name}`, `OCI_${name.toUpperCase()}`];
  const value = variables.map((variable) => process.env[variable]).find((text) => text);
  if (value === undefined) throw new Error(`${variables.join(" or ")} must be set in the environment.`);
  return value;
}
