import * as pulumi from "@pulumi/pulumi";
import { openInputs, takesHooks } from "./hookInputs.ts";
import { deliverProgramBefore } from "./programDelivery.ts";
import type { Connection } from "./remoteCommand.ts";
import { logIn, logInPatiently } from "./hostLogin.ts";
import type { SshSession } from "./sshSession.ts";
import { confirmCommand } from "./vxlan/phases/device.ts";
import type { OverlayIdentity } from "./vxlan/phases/phase.ts";
import type { CommandWithInput } from "./vxlan/phases/sentVerb.ts";
import { removeOverlay } from "./vxlan/phases/removal.ts";

/** Seconds for a login, a confirmation, and a removal, which may wait for another run of the host's program. */
const LOGIN_LIMIT = 10;
const CONFIRM_LIMIT = 60;
const REMOVAL_LIMIT = 90;

/** How often a login is tried to confirm a change. A failure undoes the change. */
const PATIENCE = { attempts: 3, pause: 2_000 };

interface GuardedPhase {
  /** Prefix of the hooks' names, unique in the program. */
  name: string;
  host: string;
  identity: OverlayIdentity;
  /** The settings file that the phase writes. */
  settings: pulumi.Output<string>;
  /** Whether the host is down on purpose. */
  isDown: boolean;
  /** Gets the host's name where its change could not be confirmed. */
  unconfirmedHosts: Set<string>;
}

/**
 * Options of a host's phase device that run hooks around its change:
 *
 * - Before it, the host's program is delivered.
 * - After the change, a new SSH session confirms it. Without a confirmation the host undoes the change, since nobody
 *   may be able to log in any more.
 * - Before an update that moves the host to another machine, the overlay is removed from the old machine. An update by
 *   itself runs no delete.
 */
export function guardChanges(phase: GuardedPhase): pulumi.CustomResourceOptions {
  if (!takesHooks()) return {};
  const { name, host, identity, settings, isDown, unconfirmedHosts } = phase;
  const deliver = deliverProgramBefore(`${name}-deliver`, host, isDown);
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
  const leaveMachineHook = new pulumi.ResourceHook(
    `${name}-leave-machine`,
    async ({ urn, oldInputs, newInputs }) => {
      const [previous, next] = [await machineIn(oldInputs), await machineIn(newInputs)];
      if (previous && next && !isSameMachine(previous, next))
        await leaveMachine(host, identity, urn, previous, next);
    },
  );
  return {
    hooks: {
      beforeCreate: [deliver],
      beforeUpdate: [deliver, leaveMachineHook],
      afterCreate: [confirm],
      afterUpdate: [confirm],
    },
  };
}

async function confirmChange(
  host: string,
  confirmation: CommandWithInput,
  connection: Connection,
): Promise<void> {
  let session: SshSession | undefined;
  try {
    session = await logInPatiently(connection, LOGIN_LIMIT, PATIENCE);
    const { status, stderr } = await session.run(confirmation.command, confirmation.input, CONFIRM_LIMIT);
    if (status !== 0) throw new Error(stderr.trim().slice(-1_500) || `its program ended with ${status}`);
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

/** The machine of a host, read from the inputs of phase device. */
interface Machine {
  connection: Connection;
  underlayAddress: string;
  /** The command that removes the overlay there. */
  delete: string;
  /** Whether it is an instance of the stack, which is deleted as a whole. */
  isInstance: boolean;
}

/**
 * The same machine keeps its underlay address, for example if it is re-imaged, or both its SSH address and its host
 * key.
 */
function isSameMachine(previous: Machine, next: Machine): boolean {
  return (
    previous.isInstance ||
    previous.underlayAddress === next.underlayAddress ||
    (previous.connection.host === next.connection.host &&
      keyOf(previous.connection) === keyOf(next.connection))
  );
}

const keyOf = ({ hostKey }: Connection) => hostKey.trim().split(/\s+/).slice(0, 2).join(" ");

/** Identifies a running system. A host key does not, since clones of one image have the same. */
const READ_BOOT_ID = "cat /proc/sys/kernel/random/boot_id";

/**
 * Removes the overlay from the machine that a host leaves.
 *
 * @throws Error where that machine cannot be reached, with the command to run there
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
    session = await logIn(previous.connection, LOGIN_LIMIT);
    if ((await bootIdOf(session)) === (await bootIdAt(next.connection))) return; // One machine with two addresses.
    const { status, stderr } = await session.run(previous.delete, "", REMOVAL_LIMIT);
    if (status !== 0) throw new Error(stderr.trim().slice(-1_500) || `the command ended with ${status}`);
  } catch (error) {
    // With the same host key, the machine itself moved, and nothing answers at its old address.
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
  const session = await logIn(connection, LOGIN_LIMIT);
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
