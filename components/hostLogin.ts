import type { Duplex } from "node:stream";
import type { Connection, Login } from "./remoteCommand.ts";
import { ForwardingRefused, SilentHost, SshSession, requireKey } from "./sshSession.ts";

/** Thrown where the jump host itself is the cause: it answers nobody, is another machine, or forwards nothing. */
export class JumpHostError extends Error {
  /** Whether another attempt ends in the same way. */
  readonly isLasting: boolean;

  constructor(jumpHost: Login, text: string, isLasting: boolean, cause: unknown) {
    super(`the jump host ${endpoint(jumpHost)} ${text}`, { cause });
    this.isLasting = isLasting;
  }
}

const endpoint = ({ host, port }: Pick<Login, "host" | "port">) => `${host} port ${port}`;

/**
 * Logs in to a host, through its jump host if it has one.
 *
 * @param seconds for the login to each of them
 * @throws JumpHostError; another Error where the host behind it is the cause
 */
export async function logIn(connection: Connection, seconds: number): Promise<SshSession> {
  const { proxy } = connection;
  if (!proxy) return SshSession.open(connection, seconds);
  const jumpHost = await shareJumpHost(proxy, seconds);
  try {
    const stream = await forward(jumpHost.session, proxy, connection, seconds);
    const session = await openBehind(proxy, connection, seconds, stream);
    session.onClose(jumpHost.release);
    return session;
  } catch (error) {
    jumpHost.release();
    throw error;
  }
}

/** Tries twice: an sshd with many logins at once hangs up on some, and one that restarts refuses for a moment. */
export async function logInTwice(connection: Connection, seconds: number): Promise<SshSession> {
  try {
    return await logIn(connection, seconds);
  } catch (error) {
    if (!/ECONNRE|closed the connection/.test((error as Error).message)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return logIn(connection, seconds);
  }
}

/** How often a login is tried. */
export interface Patience {
  attempts: number;
  /** Milliseconds between two attempts. */
  pause: number;
  /** Seconds after which there is no further attempt. */
  seconds?: number;
  /** Refused logins after which there is no further attempt. Default: any number. */
  refusals?: number;
}

/** How a host that boots is waited for: milliseconds between two attempts. */
const BOOT_PAUSE = 2_000;

/** @param seconds to wait */
export const bootPatience = (seconds: number): Patience => ({
  attempts: Infinity,
  pause: BOOT_PAUSE,
  seconds,
});

/**
 * Logs in to a host that may still boot, or whose sshd hangs up on some of many logins at once.
 *
 * @param seconds for each attempt
 * @throws Error of the last attempt; at once where a private key cannot be read, or another attempt is of no use
 */
export async function logInPatiently(
  connection: Connection,
  seconds: number,
  { attempts, pause, seconds: limit = Infinity, refusals = Infinity }: Patience,
): Promise<SshSession> {
  for (const login of [connection, connection.proxy ?? []].flat()) requireKey(login);
  const deadline = performance.now() + limit * 1_000;
  let refusalCount = 0;
  for (let attempt = 1; ; attempt++) {
    try {
      return await logIn(connection, seconds);
    } catch (error) {
      if (/authentication methods failed/.test((error as Error).message)) refusalCount++;
      const isLasting = (error instanceof JumpHostError && error.isLasting) || refusalCount >= refusals;
      if (isLasting || attempt >= attempts || performance.now() + pause > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** Logins to a host that accepts TCP and does not speak, and seconds for each of them. */
const SILENT_LOGINS = 3;
const SILENT_LIMIT = 8;

/**
 * Logs in ahead of a Command. The provider waits without a limit for a host that accepts TCP and does not speak, so the
 * Command of such a host must not begin. With all other faults the provider ends in time, and says what they are.
 *
 * @param seconds for one login to each of the two hosts
 * @returns undefined where there is another fault
 * @throws Error where the host, or its jump host, does not speak
 */
export async function logInAhead(
  host: string,
  connection: Connection,
  seconds = SILENT_LIMIT,
): Promise<SshSession | undefined> {
  for (let remainingAttempts = SILENT_LOGINS - 1; ; remainingAttempts--) {
    try {
      return await logIn(connection, seconds);
    } catch (error) {
      if (!isSilent(error)) return undefined;
      if (remainingAttempts > 0) continue;
      throw new Error(
        `${host}: SSH to ${endpoint(connection)}, tried ${SILENT_LOGINS} times: ${(error as Error).message}. sshd hangs there, or ` +
          "something else accepts its connections, so nothing was changed there. Restart sshd or the host from its console, or correct " +
          "its address and port, then run pulumi up again, which goes on from here.",
        { cause: error },
      );
    }
  }
}

const isSilent = (error: unknown) =>
  error instanceof SilentHost || (error as Error).cause instanceof SilentHost;

/** The session with a jump host, which all logins through it share. */
interface JumpHostSession {
  session: Promise<SshSession>;
  users: number;
}

/** By the login. A login for each host at the same time would be more than most sshds accept (MaxStartups). */
const jumpHostSessions = new Map<string, JumpHostSession>();

async function shareJumpHost(
  jumpHost: Login,
  seconds: number,
): Promise<{ session: SshSession; release: () => void }> {
  const key = JSON.stringify(jumpHost);
  const sharedSession = jumpHostSessions.get(key) ?? {
    session: SshSession.open(jumpHost, seconds),
    users: 0,
  };
  jumpHostSessions.set(key, sharedSession);
  sharedSession.users++;
  const forgetSession = () => {
    if (jumpHostSessions.get(key) === sharedSession) jumpHostSessions.delete(key);
  };
  try {
    const session = await sharedSession.session;
    session.onClose(forgetSession);
    let isReleased = false;
    const release = () => {
      if (isReleased) return;
      isReleased = true;
      if (--sharedSession.users > 0) return;
      forgetSession();
      session.close();
    };
    return { session, release };
  } catch (error) {
    forgetSession();
    throw jumpHostError(jumpHost, error as Error);
  }
}

function jumpHostError(jumpHost: Login, cause: Error): JumpHostError {
  const { message } = cause;
  if (/verification failed|no matching host key/.test(message)) {
    const text = `has another host key than the pinned one (${message}): find out why, then pin the key that it has now`;
    return new JumpHostError(jumpHost, text, true, cause);
  }
  if (/authentication methods failed/.test(message)) {
    const text =
      `does not let ${jumpHost.user} in with this key (${message}): append the public key to ~/.ssh/authorized_keys of that user there, ` +
      "or correct its user and private key";
    return new JumpHostError(jumpHost, text, true, cause);
  }
  const text = `does not answer (${message}): start it, admit SSH to it from here, or correct its address and port`;
  return new JumpHostError(jumpHost, text, false, cause);
}

/** Lets the jump host connect to the host. */
async function forward(session: SshSession, jumpHost: Login, host: Login, seconds: number): Promise<Duplex> {
  try {
    return await session.connectTo(host.host, host.port, seconds);
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof ForwardingRefused) {
      const text = `forwards no connection to ${endpoint(host)} (${message}): allow it there by AllowTcpForwarding and PermitOpen in /etc/ssh/sshd_config`;
      throw new JumpHostError(jumpHost, text, true, error);
    }
    throw new Error(
      `the jump host ${endpoint(jumpHost)} does not reach ${endpoint(host)} (${message}): start the host, let its firewall and Security List ` +
        "admit SSH from the jump host, or correct the host's address and port",
      { cause: error },
    );
  }
}

async function openBehind(
  jumpHost: Login,
  host: Login,
  seconds: number,
  stream: Duplex,
): Promise<SshSession> {
  try {
    return await SshSession.open(host, seconds, stream);
  } catch (error) {
    throw new Error(
      `${endpoint(host)}, behind the jump host ${endpoint(jumpHost)}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
