import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVICE_HOSTS } from "../cloud/region.ts";
import { ROOT } from "../system/lab.ts";
import type { Lab } from "../system/lab.ts";

/**
 * The operator is a person outside the cloud. Their commands run in the operator's network namespace, and in a private
 * mount namespace with its own resolver files, so they neither use nor change this machine's network and /etc.
 */

/** A file, `source`, that a command sees in place of another one, `target`. */
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
  const resolverMounts = Object.entries(files).map(([name, text]): Mount => {
    const source = join(folder, name);
    // Not written again unless it differs, since a running command may read it.
    if (!existsSync(source) || readFileSync(source, "utf8") !== text) writeFileSync(source, text);
    return { source, target: `/etc/${name}` };
  });
  const pairs = [...resolverMounts, ...mounts]
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
 * Runs a command in the foreground, on the terminal, and returns its exit code. A Ctrl-C reaches it exactly once, since
 * a second one makes Pulumi end without writing its state.
 */
export function runInForeground(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [file = "", ...args] = argv;
  // A terminal sends Ctrl-C to the foreground process group, so the child must stay in it. Without a terminal, a group
  // of its own protects the child from signals to the whole group.
  const detached = !process.stdin.isTTY;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, ...env },
      detached,
    });
    let lastSignalTime = 0;
    const passSignal = (signal: NodeJS.Signals) => {
      if (detached && Date.now() - lastSignalTime > 1_000) child.kill(signal);
      lastSignalTime = Date.now();
    };
    process.on("SIGINT", passSignal).on("SIGTERM", passSignal);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      process.off("SIGINT", passSignal).off("SIGTERM", passSignal);
      resolve(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}

/** Creates the random passphrase of the lab's stacks, in a file that only root can read, unless it exists. */
export function ensurePassphrase(lab: Lab): void {
  const file = join(lab.directory, "passphrase");
  if (!existsSync(file) || readFileSync(file, "utf8") === "") {
    writeFileSync(file, randomBytes(24).toString("base64"), { mode: 0o600 });
  }
}
