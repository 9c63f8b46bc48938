import * as command from "@pulumi/command";
import { getImagesOutput } from "@pulumi/oci/core/getImages.js";
import { Instance } from "@pulumi/oci/core/instance.js";
import { getAvailabilityDomainsOutput } from "@pulumi/oci/identity/getAvailabilityDomains.js";
import * as pulumi from "@pulumi/pulumi";
import { adviceOnError } from "./errorAdvice.ts";
import { capacityAdvice } from "./oci/capacity.ts";
import { hostPublicKey, instanceMetadata } from "./oci/cloudInit.ts";
import { hostKeyCommand, parseHostKeyPair } from "./oci/hostKeyPair.ts";
import type { HostKeyPair } from "./oci/hostKeyPair.ts";
import { publicKeyOf } from "./oci/loginKey.ts";
import { chooseAvailabilityDomain, chooseImage } from "./oci/lookups.ts";
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
import { validateInstance } from "./oci/validation/instances.ts";
import { describeProblems } from "./vxlan/problems.ts";
import type { SshArgs } from "./vxlanOverlay.ts";

/** An image: pinned by its OCID, or the newest of a name when the host is first made. */
export interface ImageArgs {
  /** OCID. *Updatable*: OCI replaces the boot volume. */
  id?: pulumi.Input<string>;
  /** As Oracle's image list names it. Default `Canonical Ubuntu`. Looked up once, then left alone. */
  operatingSystem?: string;
  /** Version of the operating system. Default `24.04` for the default system, else any. Looked up once. */
  version?: string;
}

/** What may be chosen about a provisioned host; everything has a default. */
export interface InstanceArgs {
  /**
   * Its address on the underlay. Default: OCI chooses one of the subnet's. *Replaces* the instance, which is deleted
   * first.
   */
  privateIp?: string;
  /** Whether it gets a public address, which SSH then goes to. Default true. *Updatable.* */
  publicIp?: boolean;
  /**
   * Name, or the end of one such as `AD-2`. Default: the first that the region lists, when the host is first made.
   * *Replaces* the instance.
   */
  availabilityDomain?: string;
  /** `FAULT-DOMAIN-1` to `-3`, or `any` for Oracle's choice. Default `any`. *Updatable.* */
  faultDomain?: string;
  /** Default `VM.Standard.E4.Flex`. *Updatable*: OCI restarts the host. */
  shape?: string;
  /** OCPUs of a flexible shape. Default 1. *Updatable.* */
  ocpus?: number;
  /** Memory of a flexible shape in GB, up to 64 an OCPU. Default 4 an OCPU. *Updatable.* */
  memoryInGBs?: number;
  image?: ImageArgs;
  /**
   * Seconds for SSH to answer, and again for cloud-init to finish. Default 300. *Updatable*: the host is only
   * waited for again.
   */
  bootTimeout?: number;
}

/** How a provisioned host is logged in to. */
export interface LoginArgs {
  /** Login user, made at first boot where the image has none of that name. Default `opc`. */
  user?: string;
  /** TCP port of sshd. Default 22. *Updatable.* */
  port?: number;
  /** Private key in OpenSSH or PEM format; kept as a secret. Its public half goes to the host at its first boot. */
  privateKey: pulumi.Input<string>;
  /** Passphrase of the private key, where it has one; kept as a secret. */
  privateKeyPassphrase?: pulumi.Input<string>;
}

export interface OverlayHostArgs extends InstanceArgs {
  /** OCID of the compartment. *Updatable.* */
  compartmentId: pulumi.Input<string>;
  /** OCID of the subnet. *Replaces* the instance. */
  subnetId: pulumi.Input<string>;
  /** Host name, and name in Oracle's console. Default: the component's name. *Updatable* in the console only. */
  displayName?: string;
  /**
   * Fault domain to begin in, where `faultDomain` is left out. A later change of it moves nothing, so that adding a
   * host to a fleet that is spread out leaves the others where they are.
   */
  initialFaultDomain?: string;
  ssh: LoginArgs;
  /** Freeform tags, ten at most. *Updatable.* */
  tags?: Record<string, string>;
}

/**
 * One compute instance that is ready to be an overlay's host: booted, its cloud-init finished, and reachable by SSH
 * with a host key that this stack issued, so that no first connection has to be trusted.
 *
 * Children: `<name>-host-key`, `<name>-instance` and `<name>-ready`.
 *
 * Changed user data or a changed login key replaces no instance: they are for its first boot.
 *
 * @throws pulumi.RunError before anything is made, with all that is wrong in `args`
 */
export class OverlayHost extends pulumi.ComponentResource {
  readonly instanceId: pulumi.Output<string>;
  /** Changes with the instance, and with its boot volume: either way the host has to be installed anew. */
  readonly incarnation: pulumi.Output<string>;
  /** Address on the underlay. */
  readonly privateIp: pulumi.Output<string>;
  /** Public address; empty where it has none. */
  readonly publicIp: pulumi.Output<string>;
  /** The host's public key, `ecdsa-sha2-nistp256 AAAA…`. */
  readonly hostKey: pulumi.Output<string>;
  /** How SSH reaches the host, for `VxlanOverlay`. Known only once the host is ready. */
  readonly ssh: SshArgs;
  /** The instance, that phases on the host go down with. */
  readonly instance: Instance;

  constructor(name: string, args: OverlayHostArgs, opts?: pulumi.ComponentResourceOptions) {
    super("oci-vxlan:index:OverlayHost", name, {}, opts);
    const problems = [
      ...problemWithOcid(args.compartmentId, ["compartment", "tenancy"], "compartmentId"),
      ...problemWithOcid(args.subnetId, "subnet", "subnetId"),
      ...validateInstance(args, ""),
    ];
    if (problems.length > 0) {
      throw new pulumi.RunError(`OverlayHost "${name}" cannot be built:\n${describeProblems(problems)}`);
    }
    const user = args.ssh.user ?? "opc";
    const bootTimeout = args.bootTimeout ?? DEFAULT_BOOT_TIMEOUT;
    const keys = this.issueHostKey(name);
    this.instance = this.launch(name, args, user, keys);

    this.hostKey = pinnedHostKey(this.instance, keys);
    this.instanceId = this.instance.id;
    this.privateIp = this.instance.privateIp;
    this.publicIp = this.instance.publicIp;
    const address = args.publicIp === false ? this.privateIp : this.publicIp;
    const connection = {
      port: args.ssh.port ?? 22,
      user,
      privateKey: args.ssh.privateKey,
      hostKey: this.hostKey,
    };
    const passphrase = args.ssh.privateKeyPassphrase;

    this.incarnation = pulumi
      .all([this.instance.id, this.instance.bootVolumeId])
      .apply(([instance, bootVolume]) => `${instance} ${bootVolume}`);
    const phase = this.incarnation.apply((incarnation) => readyPhase(bootTimeout, incarnation));
    const ready = new command.remote.Command(
      `${name}-ready`,
      {
        connection: pulumi.secret({
          ...connection,
          ...(passphrase === undefined ? {} : { privateKeyPassword: passphrase }),
          host: address,
          ...dialLimits(bootTimeout),
        }),
        create: phase.create,
        stdin: phase.stdin,
        addPreviousOutputInEnv: false,
        logging: "none",
      },
      { parent: this, deletedWith: this.instance },
    );

    if (!pulumi.runtime.isDryRun()) {
      ready.stderr.apply((stderr) => {
        const warning = readyWarning(stderr);
        if (warning !== undefined) void pulumi.log.warn(warning, this);
      });
    }

    this.ssh = {
      ...connection,
      ...(passphrase === undefined ? {} : { privateKeyPassphrase: passphrase }),
      // The address depends on phase ready, and so does every connection that is made with it.
      host: pulumi.all([address, ready.id]).apply(([host]) => host),
    };
    this.registerOutputs({
      instanceId: this.instanceId,
      privateIp: this.privateIp,
      publicIp: this.publicIp,
      hostKey: this.hostKey,
    });
  }

  /** A key pair, made once: no change of any input may draw another, so all of them are ignored. */
  private issueHostKey(name: string): pulumi.Output<HostKeyPair> {
    const issued = new command.local.Command(
      `${name}-host-key`,
      { ...hostKeyCommand(), addPreviousOutputInEnv: false, logging: "none" },
      { parent: this, ignoreChanges: ["*"], additionalSecretOutputs: ["stdout"] },
    );
    return pulumi.secret(issued.stdout).apply(parseHostKeyPair);
  }

  private launch(
    name: string,
    args: OverlayHostArgs,
    user: string,
    keys: pulumi.Output<HostKeyPair>,
  ): Instance {
    const hostname = args.displayName ?? name;
    const shape = args.shape ?? DEFAULT_SHAPE;
    const ocpus = args.ocpus ?? DEFAULT_OCPUS;
    const faultDomain = args.faultDomain ?? args.initialFaultDomain ?? ANY_FAULT_DOMAIN;
    const tags = args.tags ? { freeformTags: args.tags } : {};
    const metadata = pulumi
      .all([keys, args.ssh.privateKey, args.ssh.privateKeyPassphrase])
      .apply(([hostKey, privateKey, passphrase]) =>
        instanceMetadata({ hostname, user, hostKey, authorizedKeys: [publicKeyOf(privateKey, passphrase)] }),
      );
    // What was looked up or spread at first is left alone afterwards; what the user names is the user's to change.
    const lookedUp = [
      ...(args.image?.id === undefined ? ["sourceDetails.sourceId"] : []),
      ...(args.availabilityDomain === undefined ? ["availabilityDomain"] : []),
      ...(args.faultDomain === undefined ? ["faultDomain"] : []),
    ];
    return new Instance(
      `${name}-instance`,
      {
        compartmentId: args.compartmentId,
        displayName: hostname,
        availabilityDomain: this.availabilityDomain(args),
        ...(faultDomain === ANY_FAULT_DOMAIN ? {} : { faultDomain }),
        shape,
        ...(isFlexible(shape)
          ? { shapeConfig: { ocpus, memoryInGbs: args.memoryInGBs ?? DEFAULT_MEMORY * ocpus } }
          : {}),
        sourceDetails: { sourceType: "image", sourceId: this.image(args, shape) },
        createVnicDetails: {
          subnetId: args.subnetId,
          displayName: hostname,
          assignPublicIp: String(args.publicIp ?? true),
          ...(args.privateIp === undefined ? {} : { privateIp: args.privateIp }),
          ...tags,
        },
        instanceOptions: { areLegacyImdsEndpointsDisabled: true },
        metadata: pulumi.secret(metadata),
        ...tags,
      },
      {
        parent: this,
        // Its address may be fixed, and a /30 holds one host: the old instance goes before the new one comes.
        deleteBeforeReplace: true,
        ignoreChanges: ["metadata", ...lookedUp],
        additionalSecretOutputs: ["metadata"],
        ...adviceOnError(`${name}-advice`, this, ({ failedOperation, errors }) =>
          failedOperation === "create" ? capacityAdvice(hostname, shape, errors[0] ?? "") : undefined,
        ),
      },
    );
  }

  private availabilityDomain({ compartmentId, availabilityDomain }: OverlayHostArgs): pulumi.Input<string> {
    // A full name holds its tenancy's prefix and needs no look at the list.
    if (availabilityDomain?.includes(":")) return availabilityDomain;
    return getAvailabilityDomainsOutput({ compartmentId }, { parent: this }).availabilityDomains.apply(
      (known) =>
        chooseAvailabilityDomain(
          known.map(({ name }) => name),
          availabilityDomain,
        ),
    );
  }

  private image({ compartmentId, image }: OverlayHostArgs, shape: string): pulumi.Input<string> {
    if (image?.id !== undefined) return image.id;
    const wanted = image?.operatingSystem === undefined ? DEFAULT_IMAGE : image;
    return getImagesOutput(
      {
        compartmentId,
        operatingSystem: wanted.operatingSystem,
        ...(wanted.version === undefined ? {} : { operatingSystemVersion: wanted.version }),
        shape,
        sortBy: "TIMECREATED",
        sortOrder: "DESC",
      },
      { parent: this },
    ).images.apply((images) =>
      chooseImage(images, `${wanted.operatingSystem} ${wanted.version ?? ""}`.trim(), shape),
    );
  }
}

/**
 * The public key to pin: the one in the instance's own metadata. With `ignoreChanges`, an instance that stays keeps its
 * metadata, so a host key that is issued anew, for example by `--replace`, reaches only a new instance. The issued key
 * is used where the metadata holds none, for example after a refresh that did not return it.
 */
function pinnedHostKey(instance: Instance, issued: pulumi.Output<HostKeyPair>): pulumi.Output<string> {
  // The public half is no secret, though both places that hold it are.
  return pulumi.unsecret(
    instance.metadata.apply((metadata) => {
      const launched = hostPublicKey(metadata);
      return launched === undefined ? issued.apply(({ publicKey }) => publicKey) : pulumi.output(launched);
    }),
  );
}
