import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import type { AuthenticationDetailsProvider, RegionProvider } from "oci-common";

/** The signer of requests to Oracle's API, and the region that they go to. */
export interface ApiLogin {
  readonly provider: AuthenticationDetailsProvider;
  /** For example `eu-frankfurt-1`. */
  readonly region: string;
}

/**
 * Logs in to Oracle's API as the `oci` plugin does: by the stack's config, then by the plugin's variables, then by
 * `~/.oci/config`. Source: `internal/provider/provider.go` of Oracle's Terraform provider, which the plugin is made from.
 *
 * @param stackConfig value of a key of `oci:` in the stack's config, such as `privateKeyPath`
 * @throws Error of the SDK, for example for a profile that is not there
 */
export async function logInToApi(stackConfig: (key: string) => string | undefined): Promise<ApiLogin> {
  const setting = (key: string) => stackConfig(key) ?? environmentSetting(key);
  const provider = await apiProvider(setting);
  const region = setting("region") ?? provider.getRegion?.().regionId;
  if (region === undefined) throw new Error("there is no oci:region");
  return { provider, region };
}

/** A setting from the environment: `TF_VAR_private_key_path`, or else `OCI_PRIVATE_KEY_PATH`. Empty ones do not count. */
function environmentSetting(key: string): string | undefined {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const variables = [`TF_VAR_${name}`, `OCI_${name.toUpperCase()}`];
  return variables.map((variable) => process.env[variable]).find(Boolean);
}

type Provider = AuthenticationDetailsProvider & Partial<RegionProvider>;

async function apiProvider(setting: (key: string) => string | undefined): Promise<Provider> {
  // Loaded when it is needed: few runs ask Oracle's API anything by themselves.
  const { default: oci } = await import("oci-common");
  const profile = setting("configFileProfile");
  const auth = setting("auth") ?? "ApiKey";
  switch (auth.toLowerCase()) {
    case "apikey":
      return setting("userOcid") === undefined
        ? new oci.ConfigFileAuthenticationDetailsProvider(undefined, profile)
        : new oci.SimpleAuthenticationDetailsProvider(
            setting("tenancyOcid") ?? "",
            setting("userOcid") ?? "",
            setting("fingerprint") ?? "",
            setting("privateKey") ?? (await readFile(homePath(setting("privateKeyPath") ?? ""), "utf8")),
            setting("privateKeyPassword") ?? null,
          );
    case "securitytoken":
      return new oci.SessionAuthDetailProvider(undefined, profile);
    case "instanceprincipal":
      return new oci.InstancePrincipalsAuthenticationDetailsProviderBuilder().build();
    case "resourceprincipal":
      return oci.ResourcePrincipalAuthenticationDetailsProvider.builder();
    default:
      throw new Error(`the way to authenticate ${auth} is not known here`);
  }
}

const homePath = (path: string) => path.replace(/^~(?=\/)/, homedir());
