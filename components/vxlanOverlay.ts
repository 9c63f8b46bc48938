import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { adviceOnError } from "./adviceOnError.ts";
import { checkHosts } from "./checkHosts.ts";
import { parseDeviceReport } from "./vxlan/deviceReport.ts";
import type { DeviceReport } from "./vxlan/deviceReport.ts";
import { devicePhase, peersPhase, removeDevice } from "./vxlan/phases.ts";
import { planMesh, refuseEqualMacs } from "./vxlan/plan.ts";
import type { PeersPlan } from "./vxlan/plan.ts";
import { removalAdvice } from "./vxlan/removal.ts";
import { withDefaults } from "./vxlan/settings.ts";
import type { HostSettings, OverlaySettings } from "./vxlan/settings.ts";
import { describeProblems, validateHostKey, validateIdentity, validateOverlay } from "./vxlan/validate.ts";
import type { PartialHost } from "./vxlan/validate.ts";
import { digestOf, lastVerified, parseVerifyReport, validateVerify, verifyPhase } from "./vxlan/verify.ts";
import type { LastVerified, VerifyHost } from "./vxlan/verify.ts";

/** How a host is reached over SSH. */
export interface SshArgs {
  /** Address or name that the machine running Pulumi reaches. *Updatable.* */
  host: pulumi.Input<string>;
  /** TCP port of sshd. Default 22. *Updatable.* */
  port?: pulumi.Input<number>;
  /** Login user: root, or a user who may use sudo without a password. Default `opc`, as on Oracle's images. *Updatable.* */
  user?: pulumi.Input<string>;
  /** Private key in OpenSSH or PEM format; kept as a secret. *Updatable.* */
  privateKey: pulumi.Input<string>;
  /** Passphrase of the private key, where it has one; kept as a secret. *Updatable.* */
  privateKeyPassphrase?: pulumi.Input<string>;
  /**
   * The host's public key, `ssh-ed25519 AAAA…` or `ecdsa-sha2-nistp… AAAA…`. Required: without it the provider
   * accepts any host. An RSA key pins SHA-1 signatures, which current OpenSSH refuses. *Updatable*: a re-imaged
   * host has a new one, and is installed anew because of it.
   */
  hostKey: pulumi.Input<string>;
}

/** One host of an overlay: any machine that SSH reaches. */
export interface VxlanHostArgs {
  /**
   * IPv4 address that a NIC of the host itself carries, which peers send VXLAN packets to. The NIC is found by
   * it. *Updatable*: the device gets it in place or is made again, its MAC kept.
   */
  underlayAddress: pulumi.Input<string>;
  /** The host's addresses inside the overlay, one for each of `cidrs`, without prefix length. *Updatable.* */
  overlayAddresses: string[];
  ssh: SshArgs;
  /** Raise it to have the host installed anew, for example after its NIC's MTU changed. Default 0. *Updatable.* */
  generation?: number;
  /**
   * Set it while the host is down on purpose. `up` then leaves the host alone: nothing on it is changed, it is not
   * asked, and nobody probes it; what it has in the other hosts' tables stays. Default false. *Updatable.*
   */
  down?: boolean;
  /**
   * What changes when the machine is another one, such as the OCIDs of an instance and its boot volume. *Updatable*:
   * the host is then installed anew, and no delete runs against the one that is gone.
   */
  incarnation?: pulumi.Input<string>;
  /** The resource that the host's phases go down with: on destroy they are not undone one by one first. */
  deletedWith?: pulumi.Resource;
}

/** What an overlay is, apart from its hosts. */
export interface OverlayArgs {
  /** The overlay's networks: one IPv4 CIDR, one IPv6 CIDR, or one of each. *Updatable.* */
  cidrs: string[];
  /** Name of the VXLAN device, at most 15 characters. Default `vxlan0`. *Updatable*: the device is made again. */
  device?: string;
  /** VXLAN network identifier, 1 to 16777215. Default 100. *Updatable*: the device is made again. */
  vni?: number;
  /**
   * UDP port. Default 4789, IANA's; 8472 is what the Linux kernel takes when a peer was set up by hand without
   * `dstport`. *Updatable*: the device is made again.
   */
  port?: number;
  /** MTU of the device in bytes. Default: the smallest underlay MTU of all hosts less 50. *Updatable.* */
  mtu?: number;
  /** Whether broadcast, multicast and unknown destinations are replicated to every peer. Default true. *Updatable.* */
  flood?: boolean;
  /** What the host firewall admits from the overlay: `all` (default) or `none`. *Updatable.* */
  overlayIngress?: string;
  /**
   * `manage` (default) opens the host's own firewall for the overlay; `leave` opens nothing in it. VXLAN from whoever
   * is no peer is dropped either way. *Updatable.*
   */
  hostFirewall?: string;
  /**
   * Whether `up` ends in every host probing every peer over the overlay: ICMP that fills the MTU and may not
   * fragment, and, where this program opens the hosts' firewalls for the overlay (`overlayIngress` is `all` and
   * `hostFirewall` is `manage`), TCP to sshd. Default true. *Updatable.*
   */
  verify?: boolean;
  /**
   * TCP port of the hosts' sshd on the overlay, where it is not the one that their SSH connections use.
   * *Updatable.*
   */
  verifyPort?: number;
  /**
   * Seconds after which a host takes back a change of its own settings that cut off SSH, unless a new SSH session
   * has reached it by then; 30 to 3600. Default 180. *Updatable.*
   */
  confirmTimeout?: number;
}

export interface VxlanOverlayArgs extends OverlayArgs {
  /** The hosts by name; two or more. Adding or removing one leaves the resources of the others alone. */
  hosts: Record<string, VxlanHostArgs>;
}

/**
 * A layer-2 network between hosts that reach each other by unicast only: the kernel's VXLAN device on each,
 * and on each the addresses of all others. Hosts need Linux, systemd, bash, awk, sed, diffutils, iproute2, nftables,
 * util-linux and (to verify) ping, nothing else. They mend what drifts, and keep their place in the overlay over reboots.
 *
 * Every `up` ends in a question to each host, from the program itself, whether the overlay is kept true there: one where
 * it is paused, lost, or beyond mending fails the `up`. A host that gives no answer is warned about, and what a host warns
 * of is passed on.
 *
 * Children of a host: `<name>-<host>-device`, `<name>-<host>-peers` and `<name>-<host>-verify`.
 *
 * @throws pulumi.RunError before any host is touched, with everything that is wrong in `args`
 */
export class VxlanOverlay extends pulumi.ComponentResource {
  /** MAC of the device on each host, as its kernel has it. */
  readonly macs: pulumi.Output<Record<string, string>>;
  /** MTU of the device in bytes, the same on all hosts. */
  readonly mtu: pulumi.Output<number>;
  /** What was last seen to pass between all hosts, and when; undefined where `verify` is false. */
  readonly lastVerified: pulumi.Output<LastVerified | undefined>;

  constructor(name: string, args: VxlanOverlayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:VxlanOverlay", name, {}, opts);
    const overlay = withDefaults(args);
    refuseInvalid(name, overlay, args);
    const identity = {
      overlay: `${pulumi.getStack()}.${name}`,
      owner: `${pulumi.getProject()}/${pulumi.getStack()}/${name}`,
    };

    const names = Object.keys(args.hosts).sort();
    const hosts: Record<string, HostParts> = Object.fromEntries(
      names.map((host) => {
        const given = args.hosts[host] as VxlanHostArgs;
        const settings = pulumi.output(given.underlayAddress).apply((underlayAddress) => ({
          underlayAddress,
          overlayAddresses: given.overlayAddresses,
        }));
        return [host, { given, settings, connection: connectionTo(given.ssh) }];
      }),
    );
    const advice = adviceOnError(`${name}-removal-advice`, this, ({ failedOperation, urn, errors }) =>
      failedOperation === "delete" ? removalAdvice(pulumi.getStack(), urn, errors[0] ?? "") : undefined,
    );
    const each = <T>(make: (host: string, parts: HostParts) => T) => mapHosts(hosts, make);

    const devices = each((host, { given, settings, connection }) => {
      const phase = pulumi.all([settings, given.incarnation]).apply(([resolved, machine]) => {
        refuseInvalid(name, overlay, {
          ...args,
          hosts: { ...args.hosts, [host]: { ...given, ...resolved } },
        });
        return devicePhase(identity, overlay, resolved, { generation: given.generation ?? 0, machine });
      });
      return this.command(`${name}-${host}-device`, phase, connection, given, advice);
    });

    const reports = pulumi
      .output(
        each(
          (host) =>
            devices[host]?.stdout.apply((stdout) =>
              parseDeviceReport(host, stdout),
            ) as pulumi.Output<DeviceReport>,
        ),
      )
      .apply((resolved) => {
        refuseEqualMacs(overlay.device, resolved, removeDevice(identity));
        return resolved;
      });
    const plans = pulumi
      .all([each((_, { settings }) => settings), reports])
      .apply(([settings, resolved]) => planMesh(overlay, settings, resolved));

    const peers = each((host, { given, connection }) => {
      const phase = plans.apply((resolved) => peersPhase(identity, resolved[host] as PeersPlan));
      return this.command(`${name}-${host}-peers`, phase, connection, given, {
        dependsOn: Object.values(devices),
        ...advice,
      });
    });

    this.mtu = plans.apply((resolved) => Object.values(resolved)[0]?.mtu ?? 0);

    const phases = [...Object.values(devices), ...Object.values(peers)];
    const verified = () => this.verify(name, args, overlay, hosts, phases, plans);
    this.lastVerified = args.verify === false ? pulumi.output(undefined) : verified();

    this.macs = reports.apply((resolved) =>
      Object.fromEntries(Object.entries(resolved).map(([host, { mac }]) => [host, mac])),
    );
    checkHosts(
      this,
      identity,
      each((host, { connection }) => ({
        connection,
        installation: reports.apply((known) => known[host]?.installation ?? ""),
        peers: pulumi.output(peers[host]?.stdin).apply((sent) => sent ?? ""),
      })),
      [this.lastVerified, ...phases.map(({ id }) => id)],
    );
    this.registerOutputs({ macs: this.macs, mtu: this.mtu, lastVerified: this.lastVerified });
  }

  /** The phase after all others: each host probes its peers, again whenever what the others put in place changes. */
  private verify(
    name: string,
    args: VxlanOverlayArgs,
    overlay: OverlaySettings,
    hosts: Record<string, HostParts>,
    before: command.remote.Command[],
    plans: pulumi.Output<Record<string, PeersPlan>>,
  ): pulumi.Output<LastVerified> {
    const everyone = pulumi
      .all(
        mapHosts(hosts, (_, { given, settings }) =>
          pulumi
            .all([settings, given.ssh.port ?? 22])
            .apply(([known, sshPort]): VerifyHost => ({ ...known, sshPort })),
        ),
      )
      .apply((known): Record<string, VerifyHost> => known);
    const digest = pulumi.all(before.map(({ stdin }) => stdin)).apply((texts) => digestOf(texts.map(String)));
    const reports = mapHosts(hosts, (host, { given, connection }) => {
      const phase = pulumi
        .all([everyone, plans, digest])
        .apply(([known, planned, digested]) =>
          verifyPhase(overlay, args, host, known, (planned[host] as PeersPlan).mtu, digested),
        );
      const inputs = { create: phase.create, stdin: phase.stdin };
      return this.command(`${name}-${host}-verify`, inputs, connection, given, {
        dependsOn: before,
      }).stdout.apply((stdout) => parseVerifyReport(host, stdout));
    });
    return pulumi
      .all([pulumi.all(reports), plans])
      .apply(([resolved, planned]) => lastVerified(overlay, resolved, Object.values(planned)[0]?.mtu ?? 0));
  }

  /**
   * One phase on one host. There are no `triggers`: they would replace the command, and a replacement's delete
   * runs after its create and against the old connection. Every change is an update, which runs `create` again.
   */
  private command(
    name: string,
    phase: Record<"create" | "stdin", pulumi.Output<string>> & { delete?: pulumi.Output<string> },
    connection: pulumi.Input<command.types.input.remote.ConnectionArgs>,
    host: VxlanHostArgs,
    opts: pulumi.CustomResourceOptions = {},
  ): command.remote.Command {
    return new command.remote.Command(
      name,
      {
        connection,
        create: phase.create,
        stdin: phase.stdin,
        ...(phase.delete ? { delete: phase.delete } : {}),
        addPreviousOutputInEnv: false,
        logging: "none",
      },
      { parent: this, ...opts, ...(host.deletedWith ? { deletedWith: host.deletedWith } : {}) },
    );
  }
}

/** One host's arguments, and what is made of them once. */
interface HostParts {
  given: VxlanHostArgs;
  settings: pulumi.Output<HostSettings>;
  connection: pulumi.Output<command.types.input.remote.ConnectionArgs>;
}

function mapHosts<T>(
  hosts: Record<string, HostParts>,
  make: (host: string, parts: HostParts) => T,
): Record<string, T> {
  return Object.fromEntries(Object.entries(hosts).map(([host, parts]) => [host, make(host, parts)]));
}

/**
 * The provider's connection. A host that refuses is given up after about 8 s, one that is silent after about
 * 80 s: measured with `command` 1.2.1, which dials `dialErrorLimit` + 1 times.
 */
function connectionTo(ssh: SshArgs): pulumi.Output<command.types.input.remote.ConnectionArgs> {
  return pulumi.secret({
    host: ssh.host,
    port: ssh.port ?? 22,
    user: ssh.user ?? "opc",
    privateKey: ssh.privateKey,
    ...(ssh.privateKeyPassphrase === undefined ? {} : { privateKeyPassword: ssh.privateKeyPassphrase }),
    hostKey: ssh.hostKey,
    dialErrorLimit: 9,
    perDialTimeout: 8,
  });
}

/** @throws pulumi.RunError that lists all problems */
function refuseInvalid(name: string, overlay: OverlaySettings, args: VxlanOverlayArgs): void {
  const known = Object.entries(args.hosts).map(([host, { underlayAddress, overlayAddresses, ssh }]) => [
    host,
    {
      overlayAddresses,
      ...(typeof underlayAddress === "string" ? { underlayAddress } : {}),
      ...(typeof ssh.host === "string" ? { sshAddress: ssh.host } : {}),
    },
  ]);
  const problems = [
    ...validateOverlay(overlay, Object.fromEntries(known) as Record<string, PartialHost>),
    ...validateIdentity(`${pulumi.getStack()}.${name}`),
    ...validateVerify(args, (key) => key),
    ...Object.entries(args.hosts).flatMap(([host, { ssh }]) =>
      validateHostKey(`hosts.${host}.ssh.hostKey`, ssh.hostKey),
    ),
  ];
  if (problems.length > 0) {
    throw new pulumi.RunError(`VxlanOverlay "${name}" cannot be built:\n${describeProblems(problems)}`);
  }
}
