/**
 * Oracle's API authenticates clients in several ways, which the key `oci:auth` of a stack's config chooses from. The
 * lab's cloud has one of them: requests that an API key signs.
 */

const API_KEY = "ApiKey";

/** What each other way needs, by the name that the `oci` plugin gives it, and the lab's cloud does not have. */
const MISSING_SERVICES: Readonly<Record<string, string>> = {
  SecurityToken: "it issues no session tokens",
  InstancePrincipal: "its instances get no certificates from a metadata service",
  InstancePrincipalWithCerts: "its instances get no certificates from a metadata service",
  ResourcePrincipal: "it has no functions or other resources that act as a principal",
  OKEWorkloadIdentity: "it has no Kubernetes clusters",
  WorkloadIdentityFederation: "it has no identity domains that exchange tokens",
};

/**
 * Why a stack cannot run in the lab by a way of authentication.
 *
 * @param origin of the value, for example `oci:auth`
 * @returns undefined for an API key, the plugin's default
 */
export function refusalOfAuth(auth: string | undefined, origin: string): string | undefined {
  // The official plugin ignores case here.
  const isNamed = (name: string) => name.toLowerCase() === auth?.toLowerCase();
  if (auth === undefined || isNamed(API_KEY)) return undefined;
  const name = Object.keys(MISSING_SERVICES).find(isNamed);
  const reason =
    name === undefined ? "it has no other way of authentication" : (MISSING_SERVICES[name] ?? "");
  return (
    `${origin} is ${name ?? auth}, and the lab's cloud takes API keys only: ${reason}. ` +
    `Leave ${origin} out in the lab, or set it to ${API_KEY}.`
  );
}

/** What the principals are called that sign by a token, by the claim `ptype` of the token. */
const PRINCIPALS: Readonly<Record<string, string>> = {
  user: "a session token",
  instance: "an instance principal",
  resource: "a resource principal",
};

/**
 * Which principal a request's key id stands for, if it holds a token in place of an API key: `ST$` and a JSON Web Token.
 *
 * @returns undefined for the key id of an API key, `tenancy/user/fingerprint`
 */
export function tokenPrincipal(keyId: string): string | undefined {
  if (!keyId.startsWith("ST$")) return undefined;
  const [, claims = ""] = keyId.split(".");
  try {
    const { ptype } = JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as { ptype?: unknown };
    return PRINCIPALS[String(ptype)] ?? "a token";
  } catch {
    return "a token";
  }
}
