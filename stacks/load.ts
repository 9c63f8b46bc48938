import { fileURLToPath } from "node:url";
import * as pulumi from "@pulumi/pulumi";
import type { EnvironmentHostArgs } from "../components/index.ts";
import type { Problem } from "../components/vxlan/validate.ts";
import { ConfigError, parseEnvironment, usableEnvironment } from "./config.ts";
import type { Environment } from "./config.ts";
import { readHostKeys, readPrivateKey } from "./keys.ts";
import type { KeySecrets } from "./keys.ts";

/** The folder of Pulumi.yaml: relative paths in a config start there. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What the program works from: the checked config, with the keys from wherever the config says they are. */
export interface Settings {
  environment: Environment;
  /** The environment's hosts, with the keys of those that exist. */
  hosts: Record<string, EnvironmentHostArgs>;
  privateKey: pulumi.Output<string>;
  privateKeyPassphrase: pulumi.Output<string> | undefined;
}

/**
 * Reads and checks the stack's config.
 *
 * @throws pulumi.RunError with all that is wrong, before any resource is registered
 */
export function loadSettings(): Settings {
  const value = new pulumi.Config().getObject("environment") ?? {};
  const project = pulumi.getProject();
  // What is wrong with a secret has to be known before anything is registered, when no output has a value yet.
  const secret = (key: string) => pulumi.runtime.getConfig(`${project}:${key}`);
  try {
    return readSettings(value, {
      privateKey: secret("sshPrivateKey"),
      passphrase: secret("sshPrivateKeyPassphrase"),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new pulumi.RunError(
      `The config of stack ${pulumi.getStack()} (stacks/Pulumi.${pulumi.getStack()}.yaml, key ${project}:environment) ` +
        `cannot be used; nothing was touched:\n${error.message}`,
    );
  }
}

/**
 * Checks an `environment` together with the keys that it names.
 *
 * @throws ConfigError with all that is wrong in the one and the others
 */
export function readSettings(value: unknown, secrets: KeySecrets): Settings {
  const usable = usableEnvironment(value);
  const problems: Problem[] = [];
  const privateKey = readPrivateKey(ROOT, usable, secrets, problems);
  const hostKeys = readHostKeys(ROOT, usable, problems);
  const environment = parseEnvironment(value, problems);
  const { passphrase } = secrets;
  return {
    environment,
    hosts: Object.fromEntries(
      Object.entries(environment.hosts).map(([name, host]) => [name, hostArgs(host, hostKeys[name])]),
    ),
    privateKey: pulumi.secret(privateKey),
    privateKeyPassphrase: passphrase === undefined ? undefined : pulumi.secret(passphrase),
  };
}

function hostArgs(
  { existing, ...host }: Environment["hosts"][string],
  hostKey: string | undefined,
): EnvironmentHostArgs {
  if (!existing) return host;
  // An existing host without a key does not pass the checks.
  const { underlayAddress, sshAddress, user, port } = existing;
  return { ...host, existing: { underlayAddress, sshAddress, user, port, hostKey: hostKey as string } };
}
