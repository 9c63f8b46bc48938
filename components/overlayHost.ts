import * as command from "@pulumi/command";
import { getImages } from "@pulumi/oci/core/getImages.js";
import { Instance } from "@pulumi/oci/core/instance.js";
import { getAvailabilityDomains } from "@pulumi/oci/identity/getAvailabilityDomains.js";
import * as pulumi from "@pulumi/pulumi";
import { CapacityWait } from "./capacityWait.ts";
import { bootPatience } from "./hostLogin.ts";
import { InstanceRestart } from "./instanceRestart.ts";
import { waitForLogin } from "./loginAhead.ts";
import { refuseSecondLaunch } from "./lostLaunch.ts";
import { hostPublicKey, instanceMetadata, launchedWithKey } from "./oci/cloudInit.ts";
import { hostKeyCommand, parseHostKeyPair } from "./oci/hostKeyPair.ts";
import type { HostKeyPair } from "./oci/hostKeyPair.ts";
import { publicKeyOf } from "./oci/loginKey.ts";
import { chooseAvailabilityDomain, chooseImage, isFullDomainName } from "./oci/lookups.ts";
import { problemWithOcid } from "./oci/ocid.ts";
import { dialLimits, readyPhase, readyWarning } from "./oci/ready.ts";
import {
  ANY_FAULT_DOMAIN,
  DEFAULT_BOOT_TIMEOUT,
  DEFAULT_IMAGE,
  DEFAULT_MEMORY,
  DEFAULT_OCPUS,
  DEFAULT_SHAPE,
  isFlexible,
} from "./oci/settings.ts";
import { shapeWarning, validateInstance, validateSecurityGroupIds } from "./oci/validation/instances.ts";
import { resolveLogin } from "./loginKeyReplacement.ts";
import type { OverlayHostArgs } from "./overlayHostArguments.ts";
import { DEFAULT_USER, remoteCommand } from "./remoteCommand.ts";
import type { LoginArgs, SshArgs } from "./remoteCommand.ts";
import { refuseInvalid } from "./validation.ts";
import type { Problem } from "./vxlan/problems.ts";
import { validateLogin, validatePublicKey } from "./vxlan/validation/login.ts";

/**
 * One compute instance that is ready to be an overlay's host: booted, its cloud-init finished, and reachable by SSH
 * with a host key that this stack issued, so that even the first connection pins the host's key.
 *
 * Children: `<name>-host-key`, `<name>-instance` and `<name>-ready`.
 *
 * Changed user data or a changed login key replaces no instance, since they matter at its first boot only.
 *
 * @throws pulumi.RunError with all problems of `args`, before any resource is created
 */
export class OverlayHost extends pulumi.ComponentResource {
  readonly instanceId: pulumi.Output<string>;
  /**
   * OCIDs of the instance and its boot volume. Where it changes, the host has to be installed anew: it is another
   * machine, or has another disk.
   */
  readonly instanceIdentity: pulumi.Output<string>;
  /** Address on the underlay. */
  readonly privateIp: pulumi.Output<string>;
  /** Public address; empty where it has none. */
  readonly publicIp: pulumi.Output<string>;
  /** The host's public key, `ecdsa-sha2-nistp256 AAAA…`. */
  readonly hostKey: pulumi.Output<string>;
  /** How SSH reaches the host, for `VxlanOverlay`. Its address is known only when the host is ready. */
  readonly ssh: SshArgs;
  readonly instance: Instance;
  /**
   * Phase ready, for `deletedWith` of resources on the host: it is deleted together with the instance, and unlike that
   * one it is in the state until then, also where somebody has terminated the instance.
   */
  readonly ready: pulumi.Resource;

  private readonly hostName: string;
  private readonly restart: InstanceRestart;

  constructor(name: string, args: OverlayHostArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:OverlayHost", name, {}, opts);
    refuseInvalid("OverlayHost", name, args, validateArgs);
    this.hostName = name;
    this.restart = new InstanceRestart(`${name}-restart`, args.displayName ?? name);
    const warning = shapeWarning(args.shape ?? DEFAULT_SHAPE);
    if (warning !== undefined) void pulumi.log.warn(warning, this);

    const keys = this.issueHostKey();
    this.instance = this.createInstance(args, keys);
    this.instanceId = this.instance.id;
    this.instanceIdentity = identityOf(this.instance);
    this.privateIp = this.instance.privateIp;
    this.publicIp = this.instance.publicIp;
    this.hostKey = pinnedHostKey(this.instance, keys);
    const { ssh, ready } = this.waitUntilReady(args);
    this.ssh = ssh;
    this.ready = ready;
    this.registerOutputs({
      instanceId: this.instanceId,
      privateIp: this.privateIp,
      publicIp: this.publicIp,
      hostKey: this.hostKey,
    });
  }

  /** Generates a key pair once. All changes are ignored, since a change of any input would generate another. */
  private issueHostKey() {
    const keyPair = new command.local.Command(
      `${this.hostName}-host-key`,
      { ...hostKeyCommand(), addPreviousOutputInEnv: false, logging: "none" },
      { parent: this, ignoreChanges: ["*"], additionalSecretOutputs: ["stdout"] },
    );
    return pulumi.secret(keyPair.stdout).apply(parseHostKeyPair);
  }

  private createInstance(args: OverlayHostArgs, keys: pulumi.Output<HostKeyPair>): Instance {
    const { displayName = this.hostName, shape = DEFAULT_SHAPE, tags: freeformTags } = args;
    const faultDomain = args.faultDomain ?? initialFaultDomain(args);
    const capacity = new CapacityWait(this, displayName, shape, args.waitForCapacity ?? 0);
    return new Instance(
      `${this.hostName}-instance`,
      {
        compartmentId: args.compartmentId,
        displayName,
        availabilityDomain: this.availabilityDomain(args, capacity),
        faultDomain: faultDomain === ANY_FAULT_DOMAIN ? undefined : faultDomain,
        shape,
        shapeConfig: isFlexible(shape) ? sizeOf(args) : undefined,
        sourceDetails: { sourceType: "image", sourceId: this.image(args, shape) },
        createVnicDetails: {
          subnetId: args.subnetId,
          displayName,
          assignPublicIp: pulumi.output(args.publicIp ?? true).apply(String),
          privateIp: args.privateIp,
          nsgIds: args.securityGroupIds,
          freeformTags,
        },
        instanceOptions: { areLegacyImdsEndpointsDisabled: !(args.legacyMetadata ?? false) },
        metadata: pulumi.secret(firstBootMetadata(displayName, args.ssh, keys)),
        freeformTags,
      },
      {
        parent: this,
        // Its address may be fixed, and a /30 holds one host: the old instance goes before the new one comes.
        deleteBeforeReplace: true,
        ignoreChanges: ["metadata", ...defaultedProperties(args)],
        additionalSecretOutputs: ["metadata"],
        hooks: {
          ...capacity.options(`${this.hostName}-advice`).hooks,
          ...refuseSecondLaunch(`${this.hostName}-second-launch`, this).hooks,
          ...this.restart.options.hooks,
        },
      },
    );
  }

  private availabilityDomain(args: OverlayHostArgs, capacity: CapacityWait): pulumi.Input<string> {
    const { compartmentId, availabilityDomain, faultDomain, shape = DEFAULT_SHAPE } = args;
    if (isFullDomainName(availabilityDomain)) return availabilityDomain;
    return pulumi.output(compartmentId).apply(async (compartment) => {
      const { availabilityDomains: domains } = await getAvailabilityDomains(
        { compartmentId: compartment },
        { parent: this },
      );
      const choice = chooseAvailabilityDomain(domains, availabilityDomain);
      if (availabilityDomain !== undefined) return choice;
      return capacity.chooseDomain(choice, domains, compartment, {
        size: isFlexible(shape) ? sizeOf(args) : undefined,
        faultDomain: faultDomain === ANY_FAULT_DOMAIN ? undefined : faultDomain,
      });
    });
  }

  private image({ compartmentId, image }: OverlayHostArgs, shape: string): pulumi.Input<string> {
    if (image?.id !== undefined) return image.id;
    const { operatingSystem, version } =
      image?.operatingSystem === undefined
        ? DEFAULT_IMAGE
        : { operatingSystem: image.operatingSystem, version: image.version };
    return pulumi.output(compartmentId).apply(async (compartment) => {
      const { images } = await getImages(
        {
          compartmentId: compartment,
          operatingSystem,
          operatingSystemVersion: version,
          shape,
          state: "AVAILABLE",
          sortBy: "TIMECREATED",
          sortOrder: "DESC",
        },
        { parent: this },
      );
      return chooseImage(images, `${operatingSystem} ${version ?? ""}`.trim(), shape);
    });
  }

  /** The old login key; undefined where it is on no instance, since this one was launched with the new key. */
  private keyToReplace({ privateKey, privateKeyPassphrase, oldPrivateKey }: LoginArgs) {
    if (oldPrivateKey === undefined) return undefined;
    return pulumi
      .all([this.instance.metadata, privateKey, privateKeyPassphrase, oldPrivateKey])
      .apply(([metadata, key, passphrase, oldKey]) =>
        launchedWithKey(metadata, publicKeyOf(key ?? "", passphrase)) ? undefined : oldKey,
      );
  }

  /** Phase ready. The connection that it returns depends on the phase, and so does each resource that uses it. */
  private waitUntilReady(args: OverlayHostArgs) {
    const { bootTimeout = DEFAULT_BOOT_TIMEOUT, publicIp = true, sshToPrivateIp = false } = args;
    const host = pulumi
      .all([publicIp, this.publicIp, this.privateIp])
      .apply(([isPublic, publicAddress, privateAddress]) =>
        isPublic && !sshToPrivateIp ? publicAddress : privateAddress,
      );
    const ssh = { ...args.ssh, host, hostKey: this.hostKey, oldPrivateKey: this.keyToReplace(args.ssh) };
    const patience = args.down === true ? undefined : bootPatience(bootTimeout);
    const login = resolveLogin(ssh, dialLimits(bootTimeout), patience);
    const { create, stdin } = this.instanceIdentity.apply((identity) => readyPhase(bootTimeout, identity));
    const ready = remoteCommand(
      `${this.hostName}-ready`,
      login.apply(({ connection }) => connection),
      { create, stdin },
      {
        parent: this,
        // For `--replace` by hand: what is deleted with it runs no delete, which some engines see only where it goes first.
        deleteBeforeReplace: true,
        // A jump host may get another address meanwhile, which is a change of this phase.
        ignoreChanges: args.down === true ? ["*"] : undefined,
        ...waitForLogin(`${this.hostName}-wait`, this.hostName, bootTimeout),
      },
    );
    if (!pulumi.runtime.isDryRun()) {
      ready.stderr.apply((stderr) => {
        const warning = readyWarning(stderr);
        if (warning !== undefined) void pulumi.log.warn(warning, this);
      });
    }
    const bootWait = pulumi
      .all([login, ready.id])
      .apply(([{ connection }]) =>
        args.down === true ? undefined : this.restart.waitForHost(connection, bootTimeout, this),
      );
    // The login is a secret, and the address is none.
    const readyHost = pulumi.all([host, pulumi.unsecret(bootWait)]).apply(([address]) => address);
    return { ssh: { ...ssh, host: readyHost }, ready };
  }
}

function validateArgs(args: OverlayHostArgs): Problem[] {
  return [
    ...problemWithOcid(args.compartmentId, ["compartment", "tenancy"], "compartmentId"),
    ...problemWithOcid(args.subnetId, "subnet", "subnetId"),
    ...validateSecurityGroupIds(args.securityGroupIds ?? [], "securityGroupIds"),
    ...validateInstance(args, ""),
    ...validateLogin("ssh", args.ssh),
    ...validatePublicKey("ssh", args.ssh),
  ];
}

/**
 * The fault domain of a new instance where the config leaves it open. Where capacity is waited for, Oracle may take any
 * that has some.
 */
function initialFaultDomain({ initialFaultDomain, waitForCapacity = 0 }: OverlayHostArgs): string {
  return waitForCapacity > 0 ? ANY_FAULT_DOMAIN : (initialFaultDomain ?? ANY_FAULT_DOMAIN);
}

/** The size of an instance of a flexible shape. */
function sizeOf({ ocpus = DEFAULT_OCPUS, memoryInGBs = DEFAULT_MEMORY * ocpus }: OverlayHostArgs) {
  return { ocpus, memoryInGbs: memoryInGBs };
}

/** The `metadata` of the instance, which creates the login user and sets the host key. */
function firstBootMetadata(
  hostname: string,
  { user = DEFAULT_USER, privateKey, privateKeyPassphrase, publicKey }: LoginArgs,
  keys: pulumi.Output<HostKeyPair>,
): pulumi.Output<Record<string, string>> {
  return pulumi.all([keys, privateKey, privateKeyPassphrase]).apply(([hostKey, loginKey, passphrase]) => {
    const authorizedKey = publicKey ?? publicKeyOf(loginKey ?? "", passphrase);
    return instanceMetadata({ hostname, user, hostKey, authorizedKeys: [authorizedKey] });
  });
}

/**
 * The instance's properties that have a default which may be another one later, such as the newest image. They are set
 * when the instance is created and then stay; what the user sets may be changed by the user.
 */
function defaultedProperties({ image, availabilityDomain, faultDomain }: OverlayHostArgs): string[] {
  return [
    ...(image?.id === undefined ? ["sourceDetails.sourceId"] : []),
    ...(availabilityDomain === undefined ? ["availabilityDomain"] : []),
    ...(faultDomain === undefined ? ["faultDomain"] : []),
  ];
}

function identityOf({ id, bootVolumeId }: Instance): pulumi.Output<string> {
  return pulumi.all([id, bootVolumeId]).apply(([instance, bootVolume]) => `${instance} ${bootVolume}`);
}

/**
 * The public key to pin: the one in the instance's own metadata. With `ignoreChanges`, an instance that stays keeps its
 * metadata, so a host key that is issued anew, for example by `--replace`, reaches only a new instance. The issued key
 * is used where the metadata holds none, for example after a refresh that did not return it.
 */
function pinnedHostKey(
  { metadata }: Instance,
  issuedKeys: pulumi.Output<HostKeyPair>,
): pulumi.Output<string> {
  // The public half is no secret, but both values that hold it are.
  return pulumi.unsecret(
    metadata.apply((values) => {
      const launchedKey = hostPublicKey(values);
      return launchedKey === undefined ? issuedKeys.publicKey : pulumi.output(launchedKey);
    }),
  );
}
