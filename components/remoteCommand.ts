import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

/** Login user, where none is given: the one of Oracle Linux images. */
export const DEFAULT_USER = "opc";

/** TCP port of sshd, where none is given. */
export const DEFAULT_SSH_PORT = 22;

/** A jump host: SSH to other hosts goes through it. It needs no more than an sshd that forwards connections. */
export interface JumpHostArgs {
  /** Address or name that the machine running Pulumi reaches. *Updatable.* */
  address: pulumi.Input<string>;
  /**
   * IPv4 address from which its connections arrive at the hosts. Default: `address`. The Security List of a network
   * admits SSH from it. *Updatable.*
   */
  sourceAddress?: string;
  /** TCP port of its sshd. Default 22. *Updatable.* */
  port?: pulumi.Input<number>;
  /** Login user, who needs no rights there. Default: the one of the hosts behind it. *Updatable.* */
  user?: pulumi.Input<string>;
  /** Private key in OpenSSH or PEM format; kept as a secret. Default: the one of the hosts. *Updatable.* */
  privateKey?: pulumi.Input<string>;
  /** Passphrase of that private key, if it has one; kept as a secret. *Updatable.* */
  privateKeyPassphrase?: pulumi.Input<string>;
  /** Its public host key; required, see `SshArgs`. *Updatable.* */
  hostKey: pulumi.Input<string>;
  /** As in `SshArgs`, where the jump host is a host of the same overlay. */
  oldPrivateKey?: pulumi.Input<string | undefined>;
  /** As in `SshArgs`. */
  oldPrivateKeyPassphrase?: pulumi.Input<string | undefined>;
}

/** How to log in to all hosts of an environment. */
export interface LoginArgs {
  /** Login user, created at first boot where the image has no user of that name. Default `opc`. */
  user?: string;
  /** TCP port of sshd. Default 22. *Updatable.* */
  port?: number;
  /** Private key in OpenSSH or PEM format; kept as a secret. Its public half goes to instances at their first boot. */
  privateKey?: pulumi.Input<string>;
  /** Passphrase of the private key, if it has one; kept as a secret. */
  privateKeyPassphrase?: pulumi.Input<string>;
  /** The private key that `privateKey` replaces on hosts that are there, see `SshArgs`. */
  oldPrivateKey?: pulumi.Input<string | undefined>;
  /** Passphrase of the old private key, if it has one. */
  oldPrivateKeyPassphrase?: pulumi.Input<string | undefined>;
  /**
   * In place of a private key: true for the SSH agent whose socket is in SSH_AUTH_SOCK, or the path of a socket. It
   * holds for jump hosts too, unless they have a key of their own. *Updatable.*
   */
  agent?: boolean | string;
  /** Beside `agent`: the public key that goes to instances at their first boot. */
  publicKey?: string;
  /** Jump host through which SSH goes. Default: none. *Updatable.* */
  proxy?: JumpHostArgs;
}

/** How to reach one host over SSH. */
export interface SshArgs {
  /** Address or name that the machine running Pulumi reaches. *Updatable.* */
  host: pulumi.Input<string>;
  /** TCP port of sshd. Default 22. *Updatable.* */
  port?: pulumi.Input<number>;
  /**
   * Login user: root, or a user who may use sudo without a password. Default `opc`, as on Oracle Linux. *Updatable.*
   */
  user?: pulumi.Input<string>;
  /** Private key in OpenSSH or PEM format; kept as a secret. *Updatable.* */
  privateKey?: pulumi.Input<string>;
  /** Passphrase of the private key, if it has one; kept as a secret. *Updatable.* */
  privateKeyPassphrase?: pulumi.Input<string>;
  /**
   * The private key that `privateKey` replaces. `up` adds the new one to the login user's `authorized_keys`, and at its
   * end removes the old one there. It is neither in the state nor on the host. *Updatable*: without it nothing changes.
   */
  oldPrivateKey?: pulumi.Input<string | undefined>;
  /** Passphrase of the old private key, if it has one. */
  oldPrivateKeyPassphrase?: pulumi.Input<string | undefined>;
  /** In place of a private key: true for the SSH agent in SSH_AUTH_SOCK, or the path of a socket. *Updatable.* */
  agent?: boolean | string;
  /**
   * The host's public key, `ssh-ed25519 AAAA…` or `ecdsa-sha2-nistp… AAAA…`. Required: without it the provider
   * accepts any host. An RSA key pins SHA-1 signatures, which current OpenSSH refuses. *Updatable*: a re-imaged
   * host has a new one, and is installed anew because of it.
   */
  hostKey: pulumi.Input<string>;
  /** Jump host through which SSH goes; `host` is then an address that the jump host reaches. *Updatable.* */
  proxy?: JumpHostArgs;
}

/**
 * How long the provider waits for a host that does not answer. It dials `dialErrorLimit` + 1 times (`command` 1.2.1).
 */
export interface DialLimits {
  dialErrorLimit: number;
  /** Seconds for one TCP connect. */
  perDialTimeout: number;
}

/** One SSH login, with its values resolved. */
export interface Login {
  host: string;
  port: number;
  user: string;
  /** Undefined: an agent has the key. */
  privateKey?: string;
  privateKeyPassword?: string;
  /** Socket of the agent. Undefined: the one in SSH_AUTH_SOCK. */
  agentSocketPath?: string;
  hostKey: string;
}

/** The provider's `connection` input, with its values resolved. */
export interface Connection extends Login {
  /** The jump host. */
  proxy?: Login;
}

/**
 * Dials from the jump host to a host behind it. Nothing limits the time of one but the jump host's kernel, which waits
 * for a silent host for two minutes. The program's own sessions wait for a host that boots.
 */
const DIALS_BEHIND_JUMP_HOST = 3;

/** The provider's `connection` input. It is secret as a whole, since it holds the private keys. */
export function connectionTo(ssh: SshArgs, limits: DialLimits): pulumi.Output<Connection> {
  const { proxy } = ssh;
  if (!proxy) return pulumi.secret({ ...loginTo(ssh), ...limits });
  const dialErrorLimit = Math.min(limits.dialErrorLimit, DIALS_BEHIND_JUMP_HOST - 1);
  return pulumi.secret({
    ...loginTo(ssh),
    ...limits,
    dialErrorLimit,
    proxy: { ...loginTo(jumpHostLogin(ssh, proxy)), ...limits },
  });
}

function loginTo(ssh: SshArgs) {
  return {
    host: ssh.host,
    port: ssh.port ?? DEFAULT_SSH_PORT,
    user: ssh.user ?? DEFAULT_USER,
    privateKey: ssh.privateKey,
    privateKeyPassword: ssh.privateKeyPassphrase,
    // A path in SSH_AUTH_SOCK differs from session to session, so the provider looks it up itself.
    agentSocketPath: typeof ssh.agent === "string" ? ssh.agent : undefined,
    hostKey: ssh.hostKey,
  };
}

/** The login to a jump host. An argument that it leaves out is that of the host behind it, except for the port. */
function jumpHostLogin(ssh: SshArgs, { address, port, user, hostKey, ...keys }: JumpHostArgs): SshArgs {
  const { privateKey, privateKeyPassphrase } = keys;
  // With a key of its own it needs no agent, and the provider then dials no other one, which may be gone.
  const login = { host: address, port, user: user ?? ssh.user, hostKey, agent: ssh.agent };
  if (privateKey !== undefined) return { ...login, privateKey, privateKeyPassphrase };
  return { ...login, privateKey: ssh.privateKey, privateKeyPassphrase: ssh.privateKeyPassphrase };
}

/** A host, reached by SSH directly, as the jump host of others. */
export function asJumpHost({
  host,
  port,
  user,
  privateKey,
  privateKeyPassphrase,
  oldPrivateKey,
  oldPrivateKeyPassphrase,
  hostKey,
}: SshArgs): JumpHostArgs {
  const keys = { privateKey, privateKeyPassphrase, oldPrivateKey, oldPrivateKeyPassphrase };
  return { address: host, port, user: user ?? DEFAULT_USER, ...keys, hostKey };
}

/** The texts of a remote command. All that varies goes to its standard input; see `Phase`. */
interface RemoteScript {
  create: pulumi.Input<string>;
  delete?: pulumi.Input<string>;
  stdin: pulumi.Input<string>;
}

/**
 * A command on a host. There are no `triggers`, since they would replace the resource: every change is an update, which
 * runs `create` again. Its output is neither logged nor handed to the next run.
 */
export function remoteCommand(
  name: string,
  connection: pulumi.Output<Connection>,
  script: RemoteScript,
  opts: pulumi.CustomResourceOptions,
): command.remote.Command {
  return new command.remote.Command(
    name,
    { connection, ...script, addPreviousOutputInEnv: false, logging: "none" },
    opts,
  );
}
