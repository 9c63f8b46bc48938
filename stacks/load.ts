import { fileURLToPath } from "node:url";
import * as pulumi from "@pulumi/pulumi";
import { problemWithAgent } from "../components/agent.ts";
import type { EnvironmentHostArgs, OverlayEnvironmentArgs } from "../components/index.ts";
import { validateEnvironment } from "../components/oci/validation/environment.ts";
import { markValidated } from "../components/validation.ts";
import { describeProblems } from "../components/vxlan/problems.ts";
import type { Problem } from "../components/vxlan/problems.ts";
import { describeIssue } from "./issues.ts";
import { readHostKey, readJumpHost, readLoginKeys } from "./keys.ts";
import type { KeySecrets } from "./keys.ts";
import { environmentSchema } from "./schema.ts";
import type { Environment } from "./schema.ts";

/** The folder of Pulumi.yaml: relative paths in a config start there. */
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Thrown with all problems of a config, so that one run shows everything that has to change. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(describeProblems(problems));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/**
 * Reads and checks the stack's config, and looks whether the SSH agent answers.
 *
 * @throws pulumi.RunError with all problems, before any resource is registered
 */
export async function loadEnvironment(): Promise<OverlayEnvironmentArgs> {
  const environment = readEnvironment();
  const problem = await problemWithAgent(environment.ssh.agent);
  if (problem !== undefined) throw new pulumi.RunError(problem);
  return environment;
}

function readEnvironment(): OverlayEnvironmentArgs {
  const config = new pulumi.Config().getObject("environment") ?? {};
  const project = pulumi.getProject();
  // Read as plain text: outputs have no value yet, and a wrong secret has to be found before anything is registered.
  const secret = (key: string) => pulumi.runtime.getConfig(`${project}:${key}`);
  try {
    return resolveEnvironment(config, {
      privateKey: secret("sshPrivateKey"),
      passphrase: secret("sshPrivateKeyPassphrase"),
      oldPrivateKey: secret("sshOldPrivateKey"),
      oldPassphrase: secret("sshOldPrivateKeyPassphrase"),
      proxyPrivateKey: secret("sshProxyPrivateKey"),
      proxyPassphrase: secret("sshProxyPrivateKeyPassphrase"),
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
 * Turns an `environment` into the component's arguments, with the keys read from where the config says they are.
 *
 * @param root folder where relative paths start
 * @throws ConfigError with all unknown keys and wrong types; or, if there are none, with all wrong values and keys
 */
export function resolveEnvironment(
  config: unknown,
  secrets: KeySecrets,
  root = ROOT,
): OverlayEnvironmentArgs {
  const environment = parseEnvironment(config);
  const login = readLoginKeys(root, environment, secrets);
  const hosts = Object.entries(environment.hosts).map(([name, host]) =>
    resolveHost(root, name, host, secrets),
  );
  const proxy = environment.ssh.proxy && readJumpHost(root, "ssh.proxy", environment.ssh.proxy, secrets);
  const args = {
    ...environment,
    ssh: {
      ...environment.ssh,
      ...login.keys,
      proxy: proxy?.jumpHost,
    },
    hosts: Object.fromEntries(hosts.map(({ name, hostArgs }) => [name, hostArgs])),
  };
  const problems = [
    ...validateEnvironment(args),
    ...login.problems,
    ...(proxy?.problems ?? []),
    ...hosts.flatMap((host) => host.problems),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return markValidated(args);
}

/**
 * Checks an `environment` without its keys, for programs that log in nowhere.
 *
 * @throws ConfigError with all unknown keys and wrong types; or, if there are none, with all wrong values
 */
export function parsePlan(config: unknown): Environment {
  const environment = parseEnvironment(config);
  const problems = validateEnvironment(environment);
  if (problems.length > 0) throw new ConfigError(problems);
  return environment;
}

function parseEnvironment(config: unknown): Environment {
  const result = environmentSchema.safeParse(config, { reportInput: true });
  if (result.success) return result.data;
  throw new ConfigError(result.error.issues.flatMap((issue) => describeIssue(environmentSchema, issue)));
}

function resolveHost(
  root: string,
  name: string,
  { existing, ...host }: Environment["hosts"][string],
  secrets: KeySecrets,
): { name: string; hostArgs: EnvironmentHostArgs; problems: Problem[] } {
  if (!existing) return { name, hostArgs: host, problems: [] };
  const path = `hosts.${name}.existing`;
  const { key, problems } = readHostKey(root, path, existing);
  const proxy = existing.proxy && readJumpHost(root, `${path}.proxy`, existing.proxy, secrets);
  return {
    name,
    hostArgs: { ...host, existing: { ...existing, hostKey: key, proxy: proxy?.jumpHost } },
    problems: [...problems, ...(proxy?.problems ?? [])],
  };
}
