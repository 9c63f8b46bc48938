import { createHash } from "node:crypto";
import { IMAGES } from "../../hosts/images.ts";
import type { ImageName } from "../../hosts/images.ts";
import { notFound } from "../errors.ts";
import { REGION } from "../region.ts";

/** A platform image as the API shows it. */
export interface Image {
  id: string;
  /** Platform images are nobody's. */
  compartmentId: null;
  displayName: string;
  operatingSystem: string;
  operatingSystemVersion: string;
  lifecycleState: "AVAILABLE";
  launchMode: "PARAVIRTUALIZED";
  createImageAllowed: boolean;
  listingType: "NONE";
  sizeInMBs: number;
  billableSizeInGBs: number;
  timeCreated: string;
  freeformTags: Record<string, string>;
  definedTags: Record<string, Record<string, unknown>>;
}

/** What an image is in the lab. */
interface Entry {
  image: Image;
  processor: "x86" | "aarch64";
  /** The lab image that its instances boot. */
  boots: ImageName;
  /** What their kernel calls their NIC. */
  nic: string;
}

interface Release {
  name: string;
  operatingSystem: string;
  operatingSystemVersion: string;
  boots: string;
  nic: string;
}

const RELEASES: Release[] = [
  {
    name: "Canonical-Ubuntu-24.04",
    operatingSystem: "Canonical Ubuntu",
    operatingSystemVersion: "24.04",
    boots: "ubuntu-like",
    nic: "ens3",
  },
  {
    name: "Oracle-Linux-9.6",
    operatingSystem: "Oracle Linux",
    operatingSystemVersion: "9",
    boots: "oracle-linux-like",
    nic: "enp0s6",
  },
];

const DATE = "2026.10.01-0";

/** The catalogue: for each release one image a processor, whose lab image is one and the same. */
const CATALOGUE: Entry[] = RELEASES.filter(({ boots }) => boots in IMAGES).flatMap((release) =>
  (["x86", "aarch64"] as const).map((processor): Entry => {
    const displayName = [release.name, ...(processor === "x86" ? [] : [processor]), DATE].join("-");
    const unique = createHash("sha256").update(displayName).digest("hex").slice(0, 52);
    return {
      processor,
      boots: release.boots as ImageName,
      nic: release.nic,
      image: {
        id: `ocid1.image.oc1.${REGION}.aaaaaaaa${unique}`,
        compartmentId: null,
        displayName,
        operatingSystem: release.operatingSystem,
        operatingSystemVersion: release.operatingSystemVersion,
        lifecycleState: "AVAILABLE",
        launchMode: "PARAVIRTUALIZED",
        createImageAllowed: true,
        listingType: "NONE",
        sizeInMBs: 47_694,
        billableSizeInGBs: 3,
        timeCreated: "2026-10-01T00:00:00.000Z",
        freeformTags: {},
        definedTags: {},
      },
    };
  }),
);

/**
 * What an image is in the lab, by its OCID.
 *
 * @throws CloudError 404
 */
export function imageEntry(id: string): Entry {
  const entry = CATALOGUE.find(({ image }) => image.id === id);
  if (entry === undefined) throw notFound(id);
  return entry;
}

export const allImages = (): Image[] => CATALOGUE.map(({ image }) => image);

/** The lab images that instances may boot. */
export const bootableImages = (): ImageName[] => [...new Set(CATALOGUE.map(({ boots }) => boots))];
