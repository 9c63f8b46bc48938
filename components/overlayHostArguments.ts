import type * as pulumi from "@pulumi/pulumi";
import type { LoginArgs } from "./remoteCommand.ts";

/** An image: pinned by its OCID, or the newest of a name when the instance is created. */
export interface ImageArgs {
  /** OCID. *Updatable*: OCI replaces the boot volume. */
  id?: pulumi.Input<string>;
  /**
   * As Oracle's image list names it. Default `Canonical Ubuntu`. The newest platform image is looked up once, then left
   * alone. A custom image needs its `id`.
   */
  operatingSystem?: string;
  /** Version of the operating system. Default `24.04` for the default system, else any. Looked up once. */
  version?: string;
}

/** The choices about a provisioned host; each has a default. */
export interface InstanceArgs {
  /**
   * Its address on the underlay. Default: OCI chooses one of the subnet's. *Replaces* the instance, which is deleted
   * before the new one is created.
   */
  privateIp?: string;
  /**
   * Whether it gets a public address, which SSH then goes to. Default: in an `OverlayEnvironment`, whether its subnet
   * lets hosts have one; else true. *Updatable.*
   */
  publicIp?: boolean;
  /**
   * Name, or the end of one such as `AD-2`. Default: the first that the region lists when the instance is created, or with
   * `waitForCapacity` the first that has room. *Replaces* the instance.
   */
  availabilityDomain?: string;
  /** `FAULT-DOMAIN-1` to `-3`, or `any` for Oracle's choice. Default `any`. *Updatable*: OCI restarts the host. */
  faultDomain?: string;
  /** Default `VM.Standard.E4.Flex`. *Updatable*: OCI restarts the host. */
  shape?: string;
  /** OCPUs of a flexible shape. Default 1. *Updatable*: OCI restarts the host. */
  ocpus?: number;
  /** Memory of a flexible shape in GB, up to 64 an OCPU. Default 4 an OCPU. *Updatable*: OCI restarts the host. */
  memoryInGBs?: number;
  image?: ImageArgs;
  /**
   * Whether version 1 of Oracle's metadata service answers on the instance too, for an image whose cloud-init does not
   * know version 2. Any process that can be tricked into a request can read version 1. Default false. *Updatable.*
   */
  legacyMetadata?: boolean;
  /**
   * Minutes in which the instance is launched again where Oracle has no capacity, at most 480. Default 0: the run fails
   * at once. Instances that wait take turns, five minutes apart at least: the more wait, the longer for each. Where
   * `availabilityDomain` is left out, Oracle is asked which has capacity, by the login of the `oci` plugin's config.
   * Oracle chooses the fault domain where `faultDomain` is left out. *Updatable*: it matters while the instance is created.
   */
  waitForCapacity?: number;
  /**
   * Seconds for SSH to answer, and again for cloud-init to finish; also for SSH to answer after an update that restarts
   * the host. Default 300. *Updatable*: it only waits for the host again.
   */
  bootTimeout?: number;
}

export interface OverlayHostArgs extends Omit<InstanceArgs, "publicIp"> {
  /** Whether it gets a public address, which SSH then goes to. Default true. *Updatable.* */
  publicIp?: pulumi.Input<boolean>;
  /** OCID of the compartment. *Updatable.* */
  compartmentId: pulumi.Input<string>;
  /** OCID of the subnet. *Replaces* the instance. */
  subnetId: pulumi.Input<string>;
  /**
   * OCIDs of the Network Security Groups that its VNIC is in, five at most; an empty list takes it out of all. Default:
   * its groups are left as they are. *Updatable.*
   */
  securityGroupIds?: pulumi.Input<string>[];
  /** Host name, and name in Oracle's console. Default: the component's name. *Updatable* in the console only. */
  displayName?: string;
  /**
   * Fault domain of a new instance, where `faultDomain` is left out. A later change moves no instance, so that adding a
   * host to a fleet leaves the others in their fault domains.
   */
  initialFaultDomain?: string;
  ssh: LoginArgs;
  /** Whether SSH goes to the private address even where there is a public one. Default false. *Updatable.* */
  sshToPrivateIp?: boolean;
  /** Set it while the host is down on purpose. `up` then does not wait for it. Default false. *Updatable.* */
  down?: boolean;
  /** Freeform tags, ten at most. *Updatable.* */
  tags?: Record<string, string>;
}
