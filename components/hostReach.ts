import type {
  EnvironmentHostArgs,
  EnvironmentLoginArgs,
  ExistingHostArgs,
  Instances,
  OverlayEnvironmentArgs,
} from "./overlayEnvironment.ts";
import { asJumpHost } from "./remoteCommand.ts";
import type { JumpHostArgs, SshArgs } from "./remoteCommand.ts";

/** How SSH reaches the hosts of an environment: directly, through a jump host, or through one of them. */

type ReachArgs = Pick<OverlayEnvironmentArgs, "hosts" | "ssh">;

/** The hosts by name, behind the one that `ssh.via` names. */
export function jumpHostFirst({ hosts, ssh }: ReachArgs): [string, EnvironmentHostArgs][] {
  const rank = (host: string) => (host === ssh.via ? 0 : 1);
  return Object.entries(hosts).sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Whether SSH reaches a host through the one that `ssh.via` names. */
export function isBehind(host: string, { hosts, ssh }: ReachArgs): boolean {
  const { proxy, direct = false } = hosts[host]?.existing ?? {};
  return ssh.via !== undefined && ssh.via !== host && proxy === undefined && !direct;
}

/**
 * The jump host to a host; undefined where there is none.
 *
 * @param instances which hold that of `ssh.via`, if that is one
 */
export function jumpHostOf(host: string, args: ReachArgs, instances: Instances): JumpHostArgs | undefined {
  const { ssh, hosts } = args;
  if (isBehind(host, args)) {
    const memberSsh = sshToMember(ssh.via ?? "", args, instances);
    return memberSsh && asJumpHost(memberSsh);
  }
  const { proxy = ssh.proxy, direct = false } = hosts[host]?.existing ?? {};
  return proxy && !direct ? { ...proxy, user: proxy.user ?? ssh.user } : undefined;
}

function sshToMember(host: string, { hosts, ssh }: ReachArgs, instances: Instances): SshArgs | undefined {
  const existing = hosts[host]?.existing;
  return instances[host]?.ssh ?? (existing && sshToExisting(existing, ssh, undefined));
}

/** How SSH reaches a host that exists. */
export function sshToExisting(
  { underlayAddress, sshAddress, user, port, hostKey }: ExistingHostArgs,
  login: EnvironmentLoginArgs,
  proxy: JumpHostArgs | undefined,
): SshArgs {
  return {
    ...login,
    host: sshAddress ?? underlayAddress,
    port: port ?? login.port,
    user: user ?? login.user,
    hostKey,
    proxy,
  };
}
