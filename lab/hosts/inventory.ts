import type { DebianRelease, ImageName } from "./images.ts";
import type { Seed } from "./seed.ts";

/** A host as the lab boots it: its VNIC. Everything else comes from the image and the seed. */
export interface HostSpec {
  /** The VNIC's address with the prefix length of its subnet. */
  address: string;
  mac: string;
  /** The NIC's name in the host. */
  nic: string;
  /** Default ubuntu-like. */
  image?: ImageName;
  /** The image's release. Default: this machine's own. */
  release?: DebianRelease;
  /** Whether it is an instance, which has Security Lists in front of it. Default false. */
  isInstance?: boolean;
  /** What cloud-init reads at the first boot. Default: the lab's login key and a host key of the lab's. */
  seed?: Seed;
  /** Distinguishes the machine from all others, also from earlier ones of the same name. Default: its folder. */
  identity?: string;
  /** Seconds by which each boot is delayed. */
  bootDelay?: number;
}

/** The hosts of a lab by name. */
export type Inventory = Readonly<Record<string, HostSpec>>;

/** An address without its prefix length: 10.0.0.5 for 10.0.0.5/24. */
export const withoutPrefix = (address: string) => address.replace(/\/.*$/, "");
