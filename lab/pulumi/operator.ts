import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVICE_HOSTS } from "../cloud/region.ts";
import { ROOT } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";

/**
 * The operator: a person outside the cloud, at a machine of their own. Their commands run in the operator's
 * network namespace and in a private mount namespace with its own resolver, so that the machine's network and
 * its /etc are neither seen nor touched.
 */

/** A file that a command sees in another's place. */
export interface Mount {
  source: string;
  target: string;
}

const NSSWITCH = "passwd: files\ngroup: files\nhosts: files\n";

/** The argv that runs a command as the operator. */
export function asOperator(lab: Lab, argv: readonly string[], mounts: readonly Mount[] = []): string[] {
  const folder = join(lab.directory, "operator");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const files = {
    hosts: `127.0.0.1 localhost ${SERVICE_HOSTS.join(" ")}\n`,
    "resolv.conf": "nameserver 127.0.0.1\n",
    "nsswitch.conf": NSSWITCH,
  };
  const own = Object.entries(files).map(([name, text]): Mount => {
    const source = join(folder, name);
    // What runs already may be reading it.
    if (!existsSync(source) || readFileSync(source, "utf8") !== text) writeFileSync(source, text);
    return { source, target: `/etc/${name}` };
  });
  const pairs = [...own, ...mounts]
    .filter(({ target }) => existsSync(target))
    .flatMap(({ source, target }) => [source, target]);
  const script = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; shift; exec "$@"';
  return [
    "nsenter",
    `--net=/run/netns/${lab.namespace("operator")}`,
    "unshare",
    "--mount",
    "--propagation=private",
    "sh",
    "-c",
    script,
    "sh",
    ...pairs,
    "--",
    ...argv,
  ];
}

/**
 * Runs a command in the foreground, on the terminal, and returns its exit code. It gets Ctrl-C once, by
 * whatever way that comes: a second one makes Pulumi give up its state.
 */
export function runInForeground(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [file = "", ...args] = argv;
  // On a terminal the child must stay in its group; elsewhere a group of its own keeps group signals away.
  const detached = !process.stdin.isTTY;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, ...env },
      detached,
    });
    let passed = 0;
    const pass = (signal: NodeJS.Signals) => {
      if (detached && Date.now() - passed > 1_000) child.kill(signal);
      passed = Date.now();
    };
    process.on("SIGINT", pass).on("SIGTERM", pass);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      process.off("SIGINT", pass).off("SIGTERM", pass);
      resolve(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}

/** The passphrase of the lab's stacks: random, in a file that only root reads. */
export function ensurePassphrase(lab: Lab): void {
  const file = join(lab.directory, "passphrase");
  if (!existsSync(file) || readFileSync(file, "utf8") === "") {
    writeFileSync(file, randomBytes(24).toString("base64"), { mode: 0o600 });
  }
}
