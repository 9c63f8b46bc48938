import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { ChangeWords } from "./changeWords.ts";
import { guardChanges } from "./changeGuard.ts";
import { testConnectivity } from "./connectivityTest.ts";
import { adviceOnError } from "./errorAdvice.ts";
import type { TestedHost } from "./hostProbes.ts";
import { openSecrets } from "./hookInputs.ts";
import { jumpHostAdvice } from "./jumpHost.ts";
import { refuseSilentLeavers, sshPathOf } from "./leavingHosts.ts";
import { refuseSilentHost } from "./loginAhead.ts";
import type { VxlanHostArgs, VxlanOverlayArgs } from "./overlayArguments.ts";
import { resolvedAddresses, validateOverlayArgs } from "./overlayValidation.ts";
import { resolveLogin } from "./loginKeyReplacement.ts";
import type { ResolvedLogin } from "./loginKeyReplacement.ts";
import { checkPathsBefore } from "./pathCheck.ts";
import { asJumpHost, remoteCommand } from "./remoteCommand.ts";
import type { Connection } from "./remoteCommand.ts";
import { asksHosts } from "./runMode.ts";
import { refuseInvalid, refuseProblems } from "./validation.ts";
import type { LastVerified } from "./vxlan/connectivityTest/lastVerified.ts";
import { devicePhase, parseDeviceReport } from "./vxlan/phases/device.ts";
import { deviceSettingsIn } from "./vxlan/phases/install.ts";
import { peersPhase } from "./vxlan/phases/peers.ts";
import { resourceDigest } from "./vxlan/phases/phase.ts";
import type { OverlayIdentity, Phase } from "./vxlan/phases/phase.ts";
import { lostSessionAdvice, removalAdvice, removeOverlay } from "./vxlan/phases/removal.ts";
import { planMesh, planPeers, refuseEqualMacs } from "./vxlan/plan.ts";
import type { Mesh, ReportedHost } from "./vxlan/plan.ts";
import { withDefaults } from "./vxlan/settings.ts";
import type { HostSettings, OverlaySettings } from "./vxlan/settings.ts";
import { validateIdentity } from "./vxlan/validation/identity.ts";

/**
 * The provider gives up on a host that refuses after about 8 s, and on one that is silent after about 80 s (measured
 * with `command` 1.2.1).
 */
const DIAL_LIMITS = { dialErrorLimit: 9, perDialTimeout: 8 };

/** For a host that is down on purpose: one dial. */
const ONE_DIAL = { ...DIAL_LIMITS, dialErrorLimit: 0 };

/** How a host whose login key is replaced is waited for, as before the delivery of its program. */
const PATIENCE = { attempts: 10, pause: 1_000 };

interface NamedHost {
  host: string;
  hostArgs: VxlanHostArgs;
}

/** One host with its device. */
interface HostDevice extends NamedHost {
  login: pulumi.Output<ResolvedLogin>;
  connection: pulumi.Output<Connection>;
  command: command.remote.Command;
  /** The host's settings, and what phase device has reported. */
  reportedHost: pulumi.Output<ReportedHost>;
}

/** One host with its device and its peers. */
interface OverlayMember extends HostDevice {
  peersCommand: command.remote.Command;
}

/**
 * A layer-2 network between hosts that reach each other by unicast only: the kernel's VXLAN device on each, with FDB
 * and neighbour entries for all others. Hosts need Linux, systemd, bash, awk, sed, diffutils, iproute2, nftables,
 * util-linux, gzip and, for the connectivity test, ping; ethtool or python3 where a NIC cannot compute checksums inside
 * VXLAN. They repair drift, and keep their place in the overlay over reboots.
 *
 * Every `up` ends in a connectivity test, whether anything changed or not: each host says whether it is in sync, and
 * probes its peers. A host that is not in sync, cannot be asked, or does not reach a peer fails the `up`, after all
 * else was done.
 *
 * Children: `<name>-<host>-device` and `<name>-<host>-peers` for each host, and `<name>-reports`, which keeps what all
 * hosts have reported.
 *
 * @throws pulumi.RunError with all problems of `args`, before anything on a host changes
 */
export class VxlanOverlay extends pulumi.ComponentResource {
  /** MAC of the device on each host. */
  readonly macs: pulumi.Output<Record<string, string>>;
  /** MTU of the device in bytes, the same on all hosts. */
  readonly mtu: pulumi.Output<number>;
  /** Which traffic this run has seen to pass between the hosts, and when; undefined where `verify` is false. */
  readonly lastVerified: pulumi.Output<LastVerified | undefined>;

  private readonly overlayName: string;
  private readonly settings: OverlaySettings;
  private readonly identity: OverlayIdentity;
  private readonly resolvedAddresses: ReturnType<typeof resolvedAddresses>;
  private readonly advice: pulumi.CustomResourceOptions;
  private readonly unconfirmedHosts = new Set<string>();
  private readonly changeWords = new ChangeWords(this);

  constructor(name: string, args: VxlanOverlayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:VxlanOverlay", name, {}, opts);
    this.overlayName = name;
    this.settings = withDefaults(args);
    this.identity = overlayIdentity(name);
    refuseInvalid("VxlanOverlay", name, args, validateOverlayArgs, validateIdentity(this.identity.overlay));
    this.resolvedAddresses = resolvedAddresses(args);
    this.advice = this.createAdvice();

    const hosts = Object.entries(args.hosts)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([host, hostArgs]) => ({ host, hostArgs }));
    this.announceKeyReplacement(hosts);
    const devices = jumpHostsFirst<NamedHost, HostDevice>(hosts, (host, jumpHost) =>
      this.createDevice(host, jumpHost),
    );
    const reports = this.collectReports(devices);
    const mesh = reports.apply((reportedHosts) => planMesh(this.settings, reportedHosts));
    const members = jumpHostsFirst<HostDevice, OverlayMember>(devices, (device, jumpHost) =>
      this.createPeers(device, mesh, jumpHost),
    );

    this.macs = reports.apply(macsOf);
    this.mtu = mesh.mtu;
    this.lastVerified = this.testConnectivity(members);
    this.registerOutputs({
      macs: this.macs,
      mtu: this.mtu,
      lastVerified: this.lastVerified,
      // The program in status/ reads these two, which stand nowhere else in the state.
      verifyPort: this.settings.verifyPort,
      downHosts: hosts.flatMap(({ host, hostArgs }) => (hostArgs.down === true ? [host] : [])),
    });
  }

  /** Advice for a phase that was cut off or could not be undone, and for a host that its jump host does not lead to. */
  private createAdvice(): pulumi.CustomResourceOptions {
    return adviceOnError(`${this.overlayName}-removal-advice`, this, async (failure) => {
      const { failedOperation, urn, errors } = failure;
      const onJumpHost = await jumpHostAdvice(failure);
      const onRemoval =
        failedOperation === "delete" ? removalAdvice(pulumi.getStack(), urn, errors[0] ?? "") : undefined;
      const onLoss = lostSessionAdvice(urn, errors[0] ?? "");
      const advice = [onJumpHost, onRemoval, onLoss].filter((text) => text !== undefined);
      return advice.length === 0 ? undefined : advice.join("\n");
    });
  }

  /** Logs in a preview what a new login key does on the hosts. Pulumi's own preview shows new connections only. */
  private announceKeyReplacement(hosts: readonly NamedHost[]): void {
    if (!pulumi.runtime.isDryRun()) return;
    const hostsWithOldKey = hosts.filter(({ hostArgs }) => hostArgs.ssh.oldPrivateKey !== undefined);
    const [down, up] = [hostsWithOldKey.filter(isDown), hostsWithOldKey.filter((host) => !isDown(host))];
    const names = (list: readonly NamedHost[]) => list.map(({ host }) => host).join(", ");
    if (up.length > 0) {
      const text =
        `up adds the new login key on ${names(up)} beside the old one, wherever it does not log in yet, and logs in with it. At its ` +
        "end it removes the old one there, by a session of the new one. This preview has looked at no host.";
      void pulumi.log.info(text, this);
    }
    if (down.length > 0)
      void pulumi.log.info(`up leaves the old login key on ${names(down)}, down on purpose.`, this);
  }

  /** Phase device of one host. */
  private createDevice({ host, hostArgs }: NamedHost, jumpHost: HostDevice | undefined): HostDevice {
    const { overlayAddresses, instanceIdentity, generation = 0, down = false } = hostArgs;
    const proxy = hostArgs.ssh.proxy ?? (jumpHost && asJumpHost(jumpHost.hostArgs.ssh));
    const ssh = { ...hostArgs.ssh, proxy };
    const name = `${this.overlayName}-${host}-device`;
    const settings = this.underlayAddress(host, hostArgs).apply((underlayAddress): HostSettings => ({
      underlayAddress,
      overlayAddresses,
    }));
    const phase = pulumi
      .all([settings, instanceIdentity, this.digestOf(name)])
      .apply(([hostSettings, identity, resource]) =>
        devicePhase(this.identity, resource, this.settings, hostSettings, {
          generation,
          instanceIdentity: identity,
        }),
      );
    const login = resolveLogin(ssh, down ? ONE_DIAL : DIAL_LIMITS, down ? undefined : PATIENCE);
    const connection = login.apply((resolvedLogin) => resolvedLogin.connection);
    const guard = guardChanges({
      name,
      host,
      identity: this.identity,
      settings: phase.settings,
      isDown: down,
      unconfirmedHosts: this.unconfirmedHosts,
    });
    const words = this.changeWords.ofDevice(`${name}-words`);
    const options = { hooks: { ...guard.hooks, beforeUpdate: beforeUpdateOf(words, guard) } };
    const command = this.createCommand(name, phase, connection, hostArgs, jumpHost?.command, options);
    const reportedHost = pulumi
      .all([settings, command.stdout])
      .apply(([hostSettings, stdout]) => ({ ...hostSettings, report: parseDeviceReport(host, stdout) }));
    return { host, hostArgs, login, connection, command, reportedHost };
  }

  /** A host's underlay address. One that is text has been validated with all arguments. */
  private underlayAddress(host: string, { underlayAddress }: VxlanHostArgs): pulumi.Output<string> {
    if (typeof underlayAddress === "string") return pulumi.output(underlayAddress);
    return pulumi.output(underlayAddress).apply((address) => {
      refuseProblems("VxlanOverlay", this.overlayName, this.resolvedAddresses.validate(host, address));
      return address;
    });
  }

  /**
   * All hosts, as soon as all phases device have reported. They are kept in one resource that all phases peers depend
   * on: if each depended on each phase device, the state would grow with the square of the fleet.
   */
  private collectReports(devices: readonly HostDevice[]): pulumi.Output<ReportedHost[]> {
    const input = pulumi.all(devices.map(keptHost)).apply((hosts) => {
      refuseEqualMacs(
        this.settings.device,
        hosts.map(({ report }) => report),
        removeOverlay(this.identity),
      );
      return hosts;
    });
    const dependsOn = devices.map(({ command }) => command);
    const name = `${this.overlayName}-reports`;
    const words = this.changeWords.ofMembers(
      `${name}-words`,
      devices.map(({ host }) => host),
    );
    const connections = pulumi.all(devices.map(({ connection }) => connection));
    const beforeUpdate = beforeUpdateOf(words, refuseSilentLeavers(`${name}-leavers`, connections));
    const options = { parent: this, dependsOn, hideDiffs: ["input"], hooks: { beforeUpdate } };
    const stash = new pulumi.Stash(name, { input }, options);
    return stash.input as pulumi.Output<ReportedHost[]>; // Its `output` keeps the value of its creation.
  }

  /** Phase peers of one host. It runs after phase device of all hosts. */
  private createPeers(
    device: HostDevice,
    mesh: pulumi.Output<Mesh>,
    jumpHost: OverlayMember | undefined,
  ): OverlayMember {
    const { host, hostArgs, connection, reportedHost } = device;
    const name = `${this.overlayName}-${host}-peers`;
    const phase = pulumi
      .all([mesh, reportedHost, this.digestOf(name)])
      .apply(([fleet, { report }, resource]) =>
        peersPhase(this.identity, resource, planPeers(fleet, report)),
      );
    const { verify, cidrs } = this.settings;
    const check = verify
      ? checkPathsBefore(`${name}-paths`, host, mesh, cidrs)
      : refuseSilentHost(`${name}-login`, host);
    const jumpHostPhase = jumpHost?.peersCommand;
    const peersCommand = this.createCommand(name, phase, connection, hostArgs, jumpHostPhase, check);
    return { ...device, peersCommand };
  }

  /** The end of every `up`; see `testConnectivity`. */
  private testConnectivity(members: readonly OverlayMember[]): VxlanOverlay["lastVerified"] {
    if (pulumi.runtime.isDryRun()) return pulumi.output(pulumi.unknown as unknown as LastVerified);
    if (!asksHosts()) return pulumi.output(undefined);
    const hosts = members.filter((member) => !isDown(member)).map(testedHost);
    const commandIds = members.flatMap(({ command, peersCommand }) => [command.id, peersCommand.id]);
    return pulumi.unsecret(
      pulumi.all([pulumi.all(hosts), this.mtu, pulumi.all(commandIds)]).apply(([testedHosts, mtu]) =>
        testConnectivity(
          {
            log: {
              warn: (text) => pulumi.log.warn(text, this),
              info: (text) => pulumi.log.info(text, this),
            },
            identity: this.identity,
            settings: this.settings,
            mtu,
            unconfirmedHosts: this.unconfirmedHosts,
            keptKeys: members
              .filter((member) => isDown(member) && member.hostArgs.ssh.oldPrivateKey !== undefined)
              .map(({ host }) => host),
          },
          testedHosts,
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
   * One phase on one host. `deleteBeforeReplace` is for `--replace` by hand: a replacement has the URN of the old
   * resource, so the old one's delete would undo the new one's work.
   *
   * @param jumpHostPhase the same phase on the jump host: it is changed before, and deleted after
   */
  private createCommand(
    name: string,
    { create, stdin, delete: remove }: pulumi.Output<Phase>,
    connection: pulumi.Output<Connection>,
    { deletedWith, down }: VxlanHostArgs,
    jumpHostPhase: command.remote.Command | undefined,
    { hooks }: pulumi.CustomResourceOptions = {},
  ): command.remote.Command {
    return remoteCommand(
      name,
      connection,
      { create, stdin, delete: remove },
      {
        parent: this,
        deleteBeforeReplace: true,
        hooks: { ...this.advice.hooks, ...hooks },
        deletedWith,
        dependsOn: jumpHostPhase,
        // Scripts and lists: `ChangeWords` says what changes in them.
        hideDiffs: ["create", "delete", "stdin"],
        // A host that is down on purpose keeps what it has, and nobody dials it.
        ignoreChanges: down === true ? ["*"] : undefined,
      },
    );
  }
}

/** What the reports keep of a host. Nobody dials an instance that leaves. */
function keptHost({ hostArgs, connection, reportedHost }: HostDevice) {
  if (hostArgs.deletedWith) return reportedHost;
  const path = pulumi.unsecret(connection.apply(sshPathOf)); // The login is a secret, and the address is none.
  return pulumi.all([reportedHost, path]).apply(([host, ssh]) => ({ ...host, ssh }));
}

const isDown = ({ hostArgs }: NamedHost) => hostArgs.down === true;

/** Creates something for each host, for jump hosts before the hosts behind them. They come back sorted by name. */
function jumpHostsFirst<Host extends NamedHost, Created extends NamedHost>(
  hosts: readonly Host[],
  create: (host: Host, jumpHost: Created | undefined) => Created,
): Created[] {
  const directHosts = hosts.filter(({ hostArgs }) => hostArgs.via === undefined);
  const hostsBehindJumpHost = hosts.filter(({ hostArgs }) => hostArgs.via !== undefined);
  const createdDevices = directHosts.map((host) => create(host, undefined));
  const jumpHosts = new Map(createdDevices.map((each) => [each.host, each]));
  createdDevices.push(
    ...hostsBehindJumpHost.map((host) => create(host, jumpHosts.get(host.hostArgs.via ?? ""))),
  );
  return createdDevices.sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** The identity of an overlay in this stack. */
export function overlayIdentity(name: string): OverlayIdentity {
  const [project, stack] = [pulumi.getProject(), pulumi.getStack()];
  return { overlay: `${stack}.${name}`, owner: `${project}/${stack}/${name}` };
}

function macsOf(hosts: readonly ReportedHost[]): Record<string, string> {
  return Object.fromEntries(hosts.map(({ report: { host, mac } }) => [host, mac]));
}

/**
 * A host as the connectivity test needs it. Its phases are taken from the resources: where this run leaves them alone,
 * as with `--target`, they differ from what the program would send.
 */
function testedHost({ host, hostArgs, login, reportedHost, command, peersCommand }: OverlayMember) {
  return pulumi
    .all([login, reportedHost, appliedPhase(command), appliedPhase(peersCommand)])
    .apply(([{ connection, replacement }, hostReport, device, peers]): TestedHost => ({
      ...hostReport,
      name: host,
      sshPort: connection.port,
      connection,
      replacement: replacement && { ...replacement, everyUser: hostArgs.instanceIdentity !== undefined },
      device: { ...device, settings: deviceSettingsIn(device.stdin) },
      peers: { ...peers, settings: peers.stdin },
    }));
}

const beforeUpdateOf = (...options: pulumi.CustomResourceOptions[]) =>
  options.flatMap(({ hooks }) => hooks?.beforeUpdate ?? []);

function appliedPhase({ urn, create, stdin, connection }: command.remote.Command) {
  return pulumi
    .all([urn, create, stdin, connection])
    .apply(([resource, createText = "", stdinText = "", login]) => ({
      urn: resource,
      // The official plugin returns a connection with secrets inside.
      privateKey: (openSecrets(login) as Partial<Connection> | undefined)?.privateKey,
      create: createText,
      stdin: stdinText,
    }));
}
