import { parseCidr } from "../../vxlan/addresses.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { validateHostKey } from "../../vxlan/validation/hostKey.ts";
import { validateJumpHostLogin } from "../../vxlan/validation/login.ts";
import { validateJumpHost, validateVia } from "../../vxlan/validation/jumpHosts.ts";
import type { HostReach, JumpHostSettings } from "../../vxlan/validation/jumpHosts.ts";
import type { EnvironmentSettings } from "../settings.ts";

type Environment = Pick<EnvironmentSettings, "ssh" | "hosts" | "overlay">;

/** Checks the jump hosts of an environment, except for their keys. */
export function validateJumpHosts({ ssh = {}, hosts, overlay }: Environment): Problem[] {
  const cidrs = (overlay.cidrs ?? []).map((text) => parseCidr(text));
  const members = Object.fromEntries(
    Object.entries(hosts).map(([name, { instance, existing }]) => [
      name,
      [instance?.privateIp, existing?.underlayAddress, existing?.sshAddress],
    ]),
  );
  return [
    ...validateVias({ ssh, hosts }),
    ...jumpHostsOf({ ssh, hosts }).flatMap(({ jumpHost, path }) =>
      validateJumpHost(jumpHost, path, cidrs, "overlay.cidrs", members),
    ),
    ...jumpHostsOf({ ssh, hosts }).flatMap(({ jumpHost, path }) => [
      ...validateJumpHostLogin(path, ssh, jumpHost),
      ...refuseMemberAsProxy(path, ssh, jumpHost, hosts),
    ]),
    ...Object.entries(hosts)
      .filter(([, { existing }]) => existing?.proxy && existing.direct === true)
      .map(([name]) => ({
        path: `hosts.${name}.existing.direct`,
        message: "given beside proxy: keep direct, or the jump host.",
      })),
  ];
}

/** Checks the pinned keys of jump hosts. A stack's config does so itself, since its keys may be in files. */
export function validateJumpHostKeys(environment: Pick<EnvironmentSettings, "ssh" | "hosts">): Problem[] {
  return jumpHostsOf(environment).flatMap(({ jumpHost, path }) =>
    validateHostKey(`${path}.hostKey`, jumpHost.hostKey),
  );
}

/** A host of the environment gets its new key before SSH goes through it only where `ssh.via` names it. */
function refuseMemberAsProxy(
  path: string,
  ssh: NonNullable<Environment["ssh"]>,
  jumpHost: JumpHostSettings,
  hosts: Environment["hosts"],
): Problem[] {
  const key = keyIn(jumpHost.hostKey);
  if (ssh.oldPrivateKey === undefined || key === undefined) return [];
  const member = Object.entries(hosts).find(([, { existing }]) => keyIn(existing?.hostKey) === key)?.[0];
  if (member === undefined) return [];
  return [
    {
      path,
      message: `it is ${member} of this environment, by its host key: name it as ssh.via while the login key is replaced.`,
    },
  ];
}

const keyIn = (hostKey: unknown) =>
  typeof hostKey === "string" ? hostKey.trim().split(/\s+/).slice(0, 2).join(" ") : undefined;

function validateVias({ ssh = {}, hosts }: Pick<EnvironmentSettings, "ssh" | "hosts">): Problem[] {
  const { via, proxy } = ssh;
  if (via === undefined) return [];
  if (proxy) {
    const message =
      "given beside ssh.proxy: keep via for a host of this environment, or proxy for another one.";
    return [{ path: "ssh.via", message }];
  }
  const reachOfHosts = Object.entries(hosts).map(([name, { down, existing }]): [string, HostReach] => [
    name,
    { hasJumpHost: existing?.proxy !== undefined, down },
  ]);
  return validateVia(via, Object.fromEntries(reachOfHosts), "ssh.via");
}

/** All jump hosts that are no hosts of the environment, and where they stand in its settings. */
function jumpHostsOf({
  ssh = {},
  hosts,
}: Pick<EnvironmentSettings, "ssh" | "hosts">): { jumpHost: JumpHostSettings; path: string }[] {
  const ofHosts = Object.entries(hosts).flatMap(([name, { existing }]) =>
    existing?.proxy ? [{ jumpHost: existing.proxy, path: `hosts.${name}.existing.proxy` }] : [],
  );
  return [...(ssh.proxy ? [{ jumpHost: ssh.proxy, path: "ssh.proxy" }] : []), ...ofHosts];
}
