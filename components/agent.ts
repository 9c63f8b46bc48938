import { connect } from "node:net";
import ssh2 from "ssh2";

/** The SSH agent. The `command` plugin dials it for each of its sessions, and this program for its own. */

/** Environment variable with the path of the agent's socket. */
const VARIABLE = "SSH_AUTH_SOCK";

/** Where OpenSSH's agent listens on Windows, if the variable is not set. */
const WINDOWS_PIPE = String.raw`\\.\pipe\openssh-ssh-agent`;

/** Seconds for the agent to answer. */
const LIMIT = 10;

/**
 * The socket of the agent that the config asks for.
 *
 * @param agent true: the one of the environment
 */
export function agentSocketOf(agent: boolean | string | undefined): string | undefined {
  if (typeof agent === "string") return agent;
  if (agent !== true) return undefined;
  return environmentSocket() ?? (process.platform === "win32" ? WINDOWS_PIPE : undefined);
}

/** An empty variable is as good as none, for the plugin too. */
function environmentSocket(): string | undefined {
  const path = process.env[VARIABLE];
  return path === "" ? undefined : path;
}

/**
 * Checks, before any host is dialled, that an agent answers: the one in the config, or else the one that the variable
 * names. The plugin dials the latter even if it has a private key, and each of its sessions fails where no agent
 * answers.
 *
 * @returns what is wrong and what to do; undefined where nothing is
 */
export async function problemWithAgent(agent: boolean | string | undefined): Promise<string | undefined> {
  if (agent === undefined || agent === false) return problemWithVariable();
  const path = agentSocketOf(agent);
  if (path === undefined) {
    return (
      `ssh.agent is true, and ${VARIABLE} is not set: start an agent and load the key ` +
      '(eval "$(ssh-agent)"; ssh-add FILE), or give the path of its socket as ssh.agent.'
    );
  }
  const problem = await problemWithSocket(path);
  if (problem !== undefined) {
    return `no SSH agent answers at ${path}${agent === true ? `, which ${VARIABLE} names` : ", which ssh.agent names"} (${problem}): start it and load the key (ssh-add FILE), or name its socket of today.`;
  }
  const keys = await countKeys(path);
  if (keys > 0) return undefined;
  return (
    `the SSH agent at ${path} holds no key that can be used: load an ed25519, ECDSA or RSA key with ssh-add FILE. ` +
    "Certificates and keys on security tokens are not supported."
  );
}

async function problemWithVariable(): Promise<string | undefined> {
  const path = environmentSocket();
  const problem = path === undefined ? undefined : await problemWithSocket(path);
  if (path === undefined || problem === undefined) return undefined;
  return (
    `SSH_AUTH_SOCK is ${path}, and no SSH agent answers there (${problem}). The command plugin dials what it names even where it has a private key, ` +
    `so each of its sessions would fail. Run the same command behind \`env -u ${VARIABLE}\`, such as \`env -u ${VARIABLE} pulumi up\`, or start the agent.`
  );
}

function problemWithSocket(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (problem: string | undefined) => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(LIMIT * 1_000, () => end(`no answer within ${LIMIT} s`));
    socket.on("error", (error) => end((error as NodeJS.ErrnoException).code ?? error.message));
    socket.on("connect", () => end(undefined));
  });
}

/** How many keys of an agent can be used. */
function countKeys(path: string): Promise<number> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(0), LIMIT * 1_000);
    ssh2.createAgent(path).getIdentities((error, keys) => {
      clearTimeout(timer);
      resolve(error ? 0 : (keys?.length ?? 0));
    });
  });
}
