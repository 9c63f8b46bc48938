import { readFileSync } from "node:fs";
import type { BlockstorageClient, ComputeClient, VirtualNetworkClient } from "oci-core";
import type { IdentityClient } from "oci-identity";

/** Clients of Oracle's SDK. They are loaded when one is needed: most previews make no call. */
export interface Clients {
  network: VirtualNetworkClient;
  compute: ComputeClient;
  blockstorage: BlockstorageClient;
  identity: IdentityClient;
}

let loadedClients: Promise<Clients> | undefined;

export const clients = (): Promise<Clients> => (loadedClients ??= loadClients());

/** Attempts of a call whose failures may pass, and the longest pause between two in seconds. */
const ATTEMPTS = 5;
const LONGEST_PAUSE = 4;

async function loadClients(): Promise<Clients> {
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
        // Capacity does not come back within seconds; the official plugin does not wait for it either.
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

/** A setting from the environment, where the official plugin looks first. */
function setting(name: string): string {
  const variables = [`TF_VAR_${name}`, `OCI_${name.toUpperCase()}`];
  const value = variables.map((variable) => process.env[variable]).find((text) => text);
  if (value === undefined) throw new Error(`${variables.join(" or ")} must be set in the environment.`);
  return value;
}
