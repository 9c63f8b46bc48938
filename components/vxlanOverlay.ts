import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { adviceOnError } from "./errorAdvice.ts";
import { guardChanges } from "./changeGuard.ts";
import { isTested, testConnectivity } from "./connectivityTest.ts";
import type { TestedHost } from "./hostProbes.ts";
import { parseDeviceReport } from "./vxlan/phases/device.ts";
import type { DeviceReport } from "./vxlan/phases/device.ts";
import { devicePhase } from "./vxlan/phases/device.ts";
import { deviceSettingsIn } from "./vxlan/phases/install.ts";
import { peersPhase } from "./vxlan/phases/peers.ts";
import { resourceDigest } from "./vxlan/phases/phase.ts";
import { removeOverlay } from "./vxlan/phases/removal.ts";
import type { OverlayIdentity, Phase } from "./vxlan/phases/phase.ts";
import { OCI_UNDERLAY_MTU } from "./oci/settings.ts";
import { planMesh, refuseEqualMacs } from "./vxlan/plan.ts";
import type { PeersPlan } from "./vxlan/plan.ts";
import { validateVerify } from "./vxlan/validation/verifyPort.ts";
import type { LastVerified } from "./vxlan/connectivityTest/lastVerified.ts";
import { removalAdvice } from "./vxlan/phases/removal.ts";
import { withDefaults } from "./vxlan/settings.ts";
import type { HostSettings, OverlaySettings } from "./vxlan/settings.ts";
import { describeProblems } from "./vxlan/problems.ts";
import { validateHostKey } from "./vxlan/validation/hostKey.ts";
import { validateIdentity } from "./vxlan/validation/identity.ts";
import { validateOverlay } from "./vxlan/validation/overlay.ts";
import type { PartialHost } from "./vxlan/validation/overlay.ts";

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
   * Whether every `up` ends in every host probing its peers over the overlay: ICMP that fills the MTU and may not
   * fragment, and, where this program opens the hosts' firewalls for the overlay (`overlayIngress` is `all` and
   * `hostFirewall` is `manage`), TCP to sshd, with 256 KiB from one peer of each. In fleets of more than 17 hosts each
   * probes 16 peers a run, in turn. Default true. *Updatable.*
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
 * util-linux, gzip and (for the connectivity test) ping, nothing else. They repair what drifts, and keep their place in the overlay
 * over reboots.
 *
 * Every `up` ends in a connectivity test, whether anything changed or not: each host says whether it is in sync, and probes
 * its peers. A host that is not in sync, cannot be asked, or does not reach a peer fails the `up`, after all else was done.
 *
 * Children of a host: `<name>-<host>-device` and `<name>-<host>-peers`.
 *
 * @throws pulumi.RunError before any host is touched, with everything that is wrong in `args`
 */
export class VxlanOverlay extends pulumi.ComponentResource {
  /** MAC of the device on each host, as its kernel has it. */
  readonly macs: pulumi.Output<Record<string, string>>;
  /** MTU of the device in bytes, the same on all hosts. */
  readonly mtu: pulumi.Output<number>;
  /** What this run has seen to pass between the hosts, and when; undefined where `verify` is false. */
  readonly lastVerified: pulumi.Output<LastVerified | undefined>;

  private readonly overlayName: string;
  private readonly settings: OverlaySettings;
  private readonly identity: OverlayIdentity;
  private readonly advice: pulumi.CustomResourceOptions;
  private readonly unconfirmedHosts = new Set<string>();

  constructor(name: string, args: VxlanOverlayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:VxlanOverlay", name, {}, opts);
    this.overlayName = name;
    this.advice = adviceOnError(`${name}-removal-advice`, this, (failure) => this.advise(args, failure));
    this.settings = withDefaults(args);
    refuseInvalid(name, this.settings, args);
    this.identity = {
      overlay: `${pulumi.getStack()}.${name}`,
      owner: `${pulumi.getProject()}/${pulumi.getStack()}/${name}`,
    };

    const devices = Object.keys(args.hosts)
      .sort()
      .map((host) => this.createDevice(host, args));
    const reports = this.collectReports(devices);
    const plans = pulumi
      .all([
        pulumi.all(devices.map(({ host, settings }) => settings.apply((known) => [host, known] as const))),
        reports,
      ])
      .apply(([settings, known]) => planMesh(this.settings, Object.fromEntries(settings), known));
    const hosts = devices.map((device) => this.createPeers(device, devices, plans));

    this.macs = reports.apply((known) =>
      Object.fromEntries(Object.entries(known).map(([host, { mac }]) => [host, mac])),
    );
    this.mtu = plans.apply((known) => Object.values(known)[0]?.mtu ?? 0);
    this.lastVerified = this.test(args, hosts, reports);
    this.registerOutputs({ macs: this.macs, mtu: this.mtu, lastVerified: this.lastVerified });
  }

  /** What to do where a phase could not be undone, or where one that is down was never set up. */
  private advise({ hosts }: VxlanOverlayArgs, failure: pulumi.ErrorHookArgs): string | undefined {
    const { failedOperation, urn, errors } = failure;
    if (failedOperation === "delete") return removalAdvice(pulumi.getStack(), urn, errors[0] ?? "");
    const host = Object.keys(hosts).find((each) => urn.endsWith(`::${this.overlayName}-${each}-device`));
    if (failedOperation !== "create" || host === undefined || hosts[host]?.down !== true) return undefined;
    return `${host} is set to down, and was never set up: take it out of the config until it is up for the first time.`;
  }

  /** Phase device of one host. */
  private createDevice(host: string, args: VxlanOverlayArgs): HostDevice {
    const hostArgs = args.hosts[host] as VxlanHostArgs;
    const settings = pulumi.output(hostArgs.underlayAddress).apply((underlayAddress) => ({
      underlayAddress,
      overlayAddresses: hostArgs.overlayAddresses,
    }));
    const name = `${this.overlayName}-${host}-device`;
    const phase = pulumi
      .all([settings, hostArgs.incarnation, this.digestOf(name)])
      .apply(([known, machine, resource]) => {
        refuseInvalid(this.overlayName, this.settings, {
          ...args,
          hosts: { ...args.hosts, [host]: { ...hostArgs, ...known } },
        });
        const generation = hostArgs.generation ?? 0;
        return devicePhase(this.identity, resource, this.settings, known, { generation, machine });
      });
    const connection = connectionTo(hostArgs.ssh, hostArgs.down === true ? 0 : 9);
    const command = this.createCommand(
      name,
      phase,
      connection,
      hostArgs,
      guardChanges(
        name,
        host,
        this.identity,
        phase.apply(({ settings }) => settings),
        this.unconfirmedHosts,
      ),
    );
    return { host, hostArgs, settings, connection, command };
  }

  /** What the hosts said about their devices, by name. */
  private collectReports(devices: readonly HostDevice[]): pulumi.Output<Record<string, DeviceReport>> {
    const reports = devices.map(({ host, command }) =>
      command.stdout.apply((stdout) => [host, parseDeviceReport(host, stdout)] as const),
    );
    return pulumi.all(reports).apply((known) => {
      const byHost = Object.fromEntries(known);
      refuseEqualMacs(this.settings.device, byHost, removeOverlay(this.identity));
      return byHost;
    });
  }

  /** Phase peers of one host, which needs what all phases device reported. */
  private createPeers(
    device: HostDevice,
    devices: readonly HostDevice[],
    plans: pulumi.Output<Record<string, PeersPlan>>,
  ): OverlayMember {
    const { host, hostArgs, connection } = device;
    const name = `${this.overlayName}-${host}-peers`;
    const phase = pulumi
      .all([plans, this.digestOf(name)])
      .apply(([known, resource]) => peersPhase(this.identity, resource, known[host] as PeersPlan));
    const dependsOn = devices.map(({ command }) => command);
    const command = this.createCommand(name, phase, connection, hostArgs, { dependsOn });
    return { ...device, peersCommand: command };
  }

  /** The end of every `up`; see `testConnectivity`. */
  private test(
    args: VxlanOverlayArgs,
    members: readonly OverlayMember[],
    reports: pulumi.Output<Record<string, DeviceReport>>,
  ): VxlanOverlay["lastVerified"] {
    if (pulumi.runtime.isDryRun()) return pulumi.output(pulumi.unknown as unknown as LastVerified);
    if (!isTested()) return pulumi.output(undefined);
    const hosts = members
      .filter(({ hostArgs }) => hostArgs.down !== true)
      .map(({ host, hostArgs, settings, connection, command, peersCommand }) => {
        // What the resources hold, which is not what the program would send where a run leaves them alone (`--target`).
        const applied = [command.create, command.stdin, peersCommand.create, peersCommand.stdin] as const;
        return pulumi
          .all([settings, connection, hostArgs.ssh.port ?? 22, reports, ...applied])
          .apply(([known, login, sshPort, { [host]: report }, ...texts]): TestedHost => {
            if (!report) throw new Error(`${host} has not reported its device`);
            const [create = "", stdin = "", peersCreate = "", peersStdin = ""] = texts;
            const device = { create, stdin, settings: deviceSettingsIn(stdin) };
            const peers = { create: peersCreate, stdin: peersStdin, settings: peersStdin };
            return { name: host, ...known, sshPort, connection: login, report, device, peers };
          });
      });
    const applied = members.flatMap(({ command, peersCommand }) => [command.id, peersCommand.id]);
    return pulumi.unsecret(
      pulumi.all([pulumi.all(hosts), this.mtu, pulumi.all(applied)]).apply(([known, mtu]) =>
        testConnectivity(
          {
            component: this,
            identity: this.identity,
            settings: this.settings,
            verify: args,
            mtu,
            unconfirmedHosts: this.unconfirmedHosts,
          },
          known,
        ),
      ),
    );
  }

  /** Identifies a phase's resource on the host; see `resourceDigest`. */
  private digestOf(name: string): Promise<string> {
    // As an output it would depend on this component, and so on all of its children: the phase would wait for itself.
    return new Promise((resolve) =>
      pulumi.createUrn(name, "command:remote:Command", this).apply((urn) => resolve(resourceDigest(urn))),
    );
  }

  /**
   * One phase on one host. There are no `triggers`: they would replace the command. Every change is an update, which runs
   * `create` again. Where somebody replaces it by hand, the old one goes first: its delete cannot be told from one that comes
   * after the new one.
   */
  private createCommand(
    name: string,
    phase: pulumi.Output<Phase>,
    connection: pulumi.Input<command.types.input.remote.ConnectionArgs>,
    hostArgs: VxlanHostArgs,
    opts: pulumi.CustomResourceOptions = {},
  ): command.remote.Command {
    const { create, stdin, delete: remove } = phase;
    return new command.remote.Command(
      name,
      { connection, create, stdin, delete: remove, addPreviousOutputInEnv: false, logging: "none" },
      {
        parent: this,
        deleteBeforeReplace: true,
        hooks: { ...this.advice.hooks, ...opts.hooks },
        ...(opts.dependsOn ? { dependsOn: opts.dependsOn } : {}),
        ...(hostArgs.deletedWith ? { deletedWith: hostArgs.deletedWith } : {}),
        // A host that is down on purpose keeps what it has, and nobody dials it.
        ...(hostArgs.down === true ? { ignoreChanges: ["*"] } : {}),
      },
    );
  }
}

/** One host with its device. */
interface HostDevice {
  host: string;
  hostArgs: VxlanHostArgs;
  settings: pulumi.Output<HostSettings>;
  connection: pulumi.Output<command.types.input.remote.ConnectionArgs>;
  command: command.remote.Command;
}

/** One host with its peers. */
interface OverlayMember extends HostDevice {
  peersCommand: command.remote.Command;
}

/**
 * The provider's connection. A host that refuses is given up after about 8 s, one that is silent after about
 * 80 s: measured with `command` 1.2.1, which dials `dialErrorLimit` + 1 times.
 */
function connectionTo(
  ssh: SshArgs,
  dialErrorLimit: number,
): pulumi.Output<command.types.input.remote.ConnectionArgs> {
  return pulumi.secret({
    host: ssh.host,
    port: ssh.port ?? 22,
    user: ssh.user ?? "opc",
    privateKey: ssh.privateKey,
    ...(ssh.privateKeyPassphrase === undefined ? {} : { privateKeyPassword: ssh.privateKeyPassphrase }),
    hostKey: ssh.hostKey,
    dialErrorLimit,
    perDialTimeout: 8,
  });
}

/** @throws pulumi.RunError that lists all problems */
function refuseInvalid(name: string, overlay: OverlaySettings, args: VxlanOverlayArgs): void {
  const partialHosts = Object.entries(args.hosts).map(
    ([host, { underlayAddress, overlayAddresses, ssh }]) => [
      host,
      {
        overlayAddresses,
        ...(typeof underlayAddress === "string" ? { underlayAddress } : {}),
        ...(typeof ssh.host === "string" ? { sshAddress: ssh.host } : {}),
      },
    ],
  );
  const problems = [
    ...validateOverlay(
      overlay,
      Object.fromEntries(partialHosts) as Record<string, PartialHost>,
      OCI_UNDERLAY_MTU,
    ),
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
