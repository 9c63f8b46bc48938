import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { afterAll, beforeAll, expect } from "vitest";
import { ConfigError, resolveEnvironment } from "../../stacks/load.ts";
import { generateKeyPair } from "../sshKeyPair.ts";

export const KEY = `ssh-ed25519 ${"A".repeat(68)}`;

/** Stands for the folder of Pulumi.yaml, and has the key files that the committed stacks name. */
let root: string;
const login = generateKeyPair();

/** Creates that folder for the tests of a file. */
export function useConfigFolder(): void {
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "config-"));
    mkdirSync(join(root, ".lab/keys"), { recursive: true });
    writeFileSync(join(root, ".lab/keys/opc_ed25519"), login.private);
    for (const host of ["host01", "host02"])
      writeFileSync(join(root, `.lab/keys/${host}_host_ed25519.pub`), `${KEY}\n`);
  });
  afterAll(() => rmSync(root, { recursive: true }));
}

export const resolve = (environment: any) =>
  resolveEnvironment(
    environment,
    environment?.ssh?.privateKeyPath === undefined ? { privateKey: login.private } : {},
    root,
  );

/** The problems of an environment as `path: message` lines. */
export const problemsOf = (environment: any): string[] => {
  try {
    resolve(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
};

export const onlyProblem = (problems: readonly string[]): string => {
  expect(problems).toHaveLength(1);
  return problems[0] ?? "";
};
export const paths = (problems: readonly string[]) => problems.map((line) => line.split(": ")[0]);

/** The environment in a committed stack's config file. */
export const committedEnvironment = (stack: string): any => {
  const file = parse(readFileSync(`stacks/Pulumi.${stack}.yaml`, "utf8")) as { config: Record<string, any> };
  return file.config["oci-vxlan:environment"];
};

export const environment = (change: (value: any) => void = () => undefined) => {
  const value = {
    overlay: { cidrs: ["192.168.0.0/24"] } as Record<string, unknown>,
    hosts: {
      host01: {
        overlayAddresses: ["192.168.0.1"],
        existing: { underlayAddress: "10.196.218.222", hostKey: KEY },
      },
      host02: {
        overlayAddresses: ["192.168.0.2"],
        existing: { underlayAddress: "10.196.218.226", hostKey: KEY },
      },
    } as Record<string, any>,
  };
  change(value);
  return value;
};

export const problems = (change: (value: any) => void) => problemsOf(environment(change));
