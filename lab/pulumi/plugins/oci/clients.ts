import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import type { AuthenticationDetailsProvider } from "oci-common";
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
  flushCompileCache(); // These are over a thousand modules.
  const authenticationDetailsProvider = await logIn(common);
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
  const all = {
    network: new core.VirtualNetworkClient(parameters, configuration),
    compute: new core.ComputeClient(parameters, configuration),
    blockstorage: new core.BlockstorageClient(parameters, configuration),
    identity: new IdentityClient(parameters, configuration),
  };
  // Not the region of a profile or a principal.
  for (const client of Object.values(all)) client.regionId = setting("region");
  return all;
}

/**
 * Logs in as the official plugin does. The lab's cloud takes an API key only, and a test checks that it refuses
 * requests that a token signs.
 */
async function logIn(common: typeof import("oci-common")): Promise<AuthenticationDetailsProvider> {
  const auth = optionalSetting("auth") ?? "ApiKey";
  switch (auth.toLowerCase()) {
    case "apikey":
      return new common.SimpleAuthenticationDetailsProvider(
        setting("tenancy_ocid"),
        setting("user_ocid"),
        setting("fingerprint"),
        readFileSync(setting("private_key_path"), "utf8"),
        null,
      );
    case "securitytoken":
      return new common.SessionAuthDetailProvider(userConfigFile(), setting("config_file_profile"));
    case "resourceprincipal":
      return common.ResourcePrincipalAuthenticationDetailsProvider.builder();
    case "instanceprincipal":
      return new common.InstancePrincipalsAuthenticationDetailsProviderBuilder().build();
    default:
      throw new Error(`the lab's stand-in for the oci plugin cannot log in by ${auth}: set LAB_OCI_PLUGIN`);
  }
}

/** The config file of session tokens. The official plugin looks for it here only, whatever OCI_CONFIG_FILE says. */
const userConfigFile = () => join(process.env["TF_HOME_OVERRIDE"] ?? homedir(), ".oci", "config");

function setting(name: string): string {
  const value = optionalSetting(name);
  if (value === undefined)
    throw new Error(`oci:${configKey(name)}, ${variablesOf(name).join(" or ")} must be set.`);
  return value;
}

/** A setting from the stack's config or else from the environment, as the official plugin looks for it. */
function optionalSetting(name: string): string | undefined {
  // In this variable the engine gives a plugin the part of the stack's config that has its name.
  const config = JSON.parse(process.env["PULUMI_CONFIG"] || "{}") as Record<string, string>;
  return [config[configKey(name)], ...variablesOf(name).map((variable) => process.env[variable])].find(
    Boolean,
  );
}

const configKey = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

const variablesOf = (name: string) => [`TF_VAR_${name}`, `OCI_${name.toUpperCase()}`];
