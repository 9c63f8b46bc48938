import * as pulumi from "@pulumi/pulumi";
import { openInputs } from "./hookInputs.ts";
import { SshSession } from "./sshSession.ts";
import type { Connection } from "./sshSession.ts";
import { confirmCommand } from "./vxlan/phases/device.ts";
import { removeOverlay } from "./vxlan/phases/removal.ts";
import type { OverlayIdentity } from "./vxlan/phases/phase.ts";

/** Seconds for a login, and for a removal, which may wait for another run of the host's program. */
const LOGIN_LIMIT = 10;
const CONFIRM_LIMIT = 60;
const REMOVAL_LIMIT = 90;

/** Logins that are tried to confirm a change, and milliseconds between two. */
const LOGIN_ATTEMPTS = 3;
const LOGIN_PAUSE = 2_000;

/**
 * Options of a host's device phase: what the program does around a change of the host, beside the change itself.
 *
 * - After it, a new SSH session confirms it. Without one the host takes the change back, since nobody may be able to log in
 *   any more.
 * - Before it, where the change moves the host to another machine, the overlay is removed from the machine that it leaves:
 *   an update runs no delete.
 *
 * @param name prefix of the hooks' names, unique in the program
 * @param settings of the host's device, as the phase sets them
 * @param unconfirmedHosts gets the host's name where its change could not be confirmed
 */
export function guardChanges(
  name: string,
  host: string,
  identity: OverlayIdentity,
  settings: pulumi.Output<string>,
  unconfirmedHosts: Set<string>,
): pulumi.CustomResourceOptions {
  // The SDK's mocks, which programs are tested with, take no hooks.
  if (!("registerResourceHook" in (pulumi.runtime.getMonitor() ?? {}))) return {};
  const confirm = new pulumi.ResourceHook(`${name}-confirm`, async ({ newInputs }) => {
    const { connection } = await openInputs(newInputs);
    const { text } = await openInputs({ text: settings });
    const confirmation = confirmCommand(identity, String(text));
    try {
      await confirmChange(host, confirmation, connection as Connection);
    } catch (error) {
      unconfirmedHosts.add(host);
      throw error;
    }
  });
  const leave = new pulumi.ResourceHook(`${name}-leave-machine`, async ({ urn, oldInputs, newInputs }) => {
    const [previous, next] = [await machineIn(oldInputs), await machineIn(newInputs)];
    if (previous && next && !isSameMachine(previous, next))
      await leaveMachine(host, identity, urn, previous, next);
  });
  return { hooks: { beforeUpdate: [leave], afterCreate: [confirm], afterUpdate: [confirm] } };
}

async function confirmChange(host: string, confirmation: string, connection: Connection): Promise<void> {
  let session: SshSession | undefined;
  try {
    session = await logInPatiently(connection);
    const { status, stderr } = await session.run(confirmation, "", CONFIRM_LIMIT);
    if (status !== 0) throw new Error(stderr.trim() || `its program ended with ${status}`);
  } catch (error) {
    throw new Error(
      `${host}: no new SSH session could confirm the change of its settings: ${(error as Error).message}. ` +
        "Within overlay.confirmTimeout seconds (180 by default) the host takes the change back by itself, and can be reached as before. " +
        "Correct what cut it off, then run pulumi up again.",
      { cause: error },
    );
  } finally {
    session?.close();
  }
}

/** Tries again for a while: an sshd that is called by many hangs up on some, and what it costs to fail here is a change. */
async function logInPatiently(connection: Connection): Promise<SshSession> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await SshSession.open(connection, LOGIN_LIMIT);
    } catch (error) {
      if (attempt >= LOGIN_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOGIN_PAUSE));
    }
  }
}

/** A host as one device phase saw it. */
interface Machine {
  connection: Connection;
  underlayAddress: string;
  /** The command that takes the phase back there. */
  delete: string;
  /** Whether it is an instance of the stack, which goes, or is made anew, as a whole. */
  isInstance: boolean;
}

/** A machine has its host key and its address; one that was re-imaged keeps the second, one that moved the first. */
function isSameMachine(previous: Machine, next: Machine): boolean {
  return (
    previous.isInstance ||
    previous.underlayAddress === next.underlayAddress ||
    (previous.connection.host === next.connection.host &&
      keyOf(previous.connection) === keyOf(next.connection))
  );
}

const keyOf = ({ hostKey = "" }: Connection) => hostKey.trim().split(/\s+/).slice(0, 2).join(" ");

/** Identifies a running system: machines cloned from one image have one host key. */
const READ_BOOT_ID = "cat /proc/sys/kernel/random/boot_id";

/**
 * Takes the overlay off the machine that a host leaves.
 *
 * @throws Error where that machine cannot be reached, with the command that does it there
 */
async function leaveMachine(
  host: string,
  identity: OverlayIdentity,
  urn: string,
  previous: Machine,
  next: Machine,
): Promise<void> {
  let session: SshSession | undefined;
  try {
    session = await SshSession.open(previous.connection, LOGIN_LIMIT);
    if ((await bootIdOf(session)) === (await bootIdAt(next.connection))) return; // It has two addresses.
    const { status, stderr } = await session.run(previous.delete, "", REMOVAL_LIMIT);
    if (status !== 0) throw new Error(stderr.trim() || `the command ended with ${status}`);
  } catch (error) {
    // With the same key it is the machine itself that moved, and nobody answers at its old address.
    if (session === undefined && keyOf(previous.connection) === keyOf(next.connection)) return;
    throw new Error(
      `${host} is another machine by now (${next.underlayAddress}), and its overlay could not be removed from the one before ` +
        `(${previous.underlayAddress}, SSH to ${previous.connection.host}): ${(error as Error).message}. It would keep the same overlay ` +
        "address. Start it and run pulumi up again. Or, where SSH does not lead there any more, run there " +
        `"sudo ${removeOverlay(identity)}"; then, or if it is gone for good, take it out of the state and run pulumi up again, ` +
        "which sets up the other one, and tells every host its peers again:\n" +
        `  pulumi state delete --stack ${pulumi.getStack()} --yes --target-dependents '${urn}'`,
      { cause: error },
    );
  } finally {
    session?.close();
  }
}

async function bootIdOf(session: SshSession): Promise<string> {
  return (await session.run(READ_BOOT_ID, "", LOGIN_LIMIT)).stdout.trim();
}

async function bootIdAt(connection: Connection): Promise<string> {
  const session = await SshSession.open(connection, LOGIN_LIMIT);
  try {
    return await bootIdOf(session);
  } finally {
    session.close();
  }
}

async function machineIn(inputs: Record<string, unknown> | undefined): Promise<Machine | undefined> {
  const { connection, stdin, delete: remove } = await openInputs(inputs);
  if (!connection || typeof stdin !== "string" || typeof remove !== "string") return undefined;
  const underlayAddress = /^underlay (\S+)$/m.exec(stdin)?.[1];
  if (underlayAddress === undefined) return undefined;
  const isInstance = /^machine /m.test(stdin);
  return { connection: connection as Connection, underlayAddress, delete: remove, isInstance };
}
