import { fileURLToPath } from "node:url";
import * as pulumi from "@pulumi/pulumi";
import type { Problem } from "../components/vxlan/validate.ts";
import { ConfigError, parseEnvironment, validateHostKey } from "./config.ts";
import type { Environment } from "./config.ts";
import { readKeyFile, validatePrivateKey } from "./keys.ts";

/** The folder of Pulumi.yaml: relative paths in a config start there. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What the program works from: the checked config, and the keys from wherever the config says they are. */
export interface Settings {
  environment: Environment;
  privateKey: pulumi.Output<string>;
  privateKeyPassphrase: pulumi.Output<string> | undefined;
  /** Public host key by host name. */
  hostKeys: Record<string, string>;
}

/**
 * Reads and checks the stack's config.
 *
 * @throws pulumi.RunError with all that is wrong, before any resource is registered
 */
export function loadSettings(): Settings {
  const config = new pulumi.Config();
  try {
    const environment = parseEnvironment(config.getObject("environment") ?? {});
    const problems: Problem[] = [];
    const privateKeyPassphrase = config.getSecret("sshPrivateKeyPassphrase");
    const privateKey = loadPrivateKey(config, environment, problems);
    const hostKeys = loadHostKeys(environment, problems);
    if (problems.length > 0 || !privateKey) throw new ConfigError(problems);
    return { environment, privateKey, privateKeyPassphrase, hostKeys };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new pulumi.RunError(
      `The config of stack ${pulumi.getStack()} (stacks/Pulumi.${pulumi.getStack()}.yaml, key ${pulumi.getProject()}:environment) ` +
        `cannot be used; nothing was touched:\n${error.message}`,
    );
  }
}

function loadPrivateKey(
  config: pulumi.Config,
  { ssh }: Environment,
  problems: Problem[],
): pulumi.Output<string> | undefined {
  const path = "ssh.privateKeyPath";
  const hasPassphrase = config.getSecret("sshPrivateKeyPassphrase") !== undefined;
  const secret = config.getSecret("sshPrivateKey");
  if (secret && ssh.privateKeyPath !== undefined) {
    problems.push({ path, message: "given, and the secret sshPrivateKey too: keep one of them." });
    return undefined;
  }
  if (secret) {
    return secret.apply((key) => {
      const wrong = validatePrivateKey(`${pulumi.getProject()}:sshPrivateKey`, key, hasPassphrase);
      if (wrong.length > 0) throw new pulumi.RunError(new ConfigError(wrong).message.trim());
      return key;
    });
  }
  if (ssh.privateKeyPath === undefined) {
    problems.push({
      path,
      message:
        "no SSH key is given: name a file here, or store the key with `pulumi config set --secret sshPrivateKey < FILE`.",
    });
    return undefined;
  }
  const file = readKeyFile(ROOT, ssh.privateKeyPath, path);
  problems.push(...("problem" in file ? [file.problem] : validatePrivateKey(path, file.text, hasPassphrase)));
  return "text" in file ? pulumi.secret(file.text) : undefined;
}

function loadHostKeys({ hosts }: Environment, problems: Problem[]): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const [name, { existing }] of Object.entries(hosts)) {
    if (!existing) continue;
    if (existing.hostKey !== undefined) keys[name] = existing.hostKey;
    if (existing.hostKeyPath === undefined) continue;
    const path = `hosts.${name}.existing.hostKeyPath`;
    const file = readKeyFile(ROOT, existing.hostKeyPath, path);
    problems.push(...("problem" in file ? [file.problem] : validateHostKey(path, file.text)));
    if ("text" in file) keys[name] = file.text.trim();
  }
  return keys;
}
