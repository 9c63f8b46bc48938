import { createHash } from "node:crypto";
import type { ImageName } from "../../hosts/images.ts";
import { COMPARTMENT, REGION } from "../region.ts";
import { notFound } from "./errors.ts";

/** An image as the API shows it. */
export interface Image {
  id: string;
  /** Null for a platform image. */
  compartmentId: string | null;
  /** The image that a custom image was made of. A platform image has none. */
  baseImageId?: string;
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

/** An image of the catalogue, and how the lab boots it. */
interface CatalogueEntry {
  image: Image;
  processor: "x86" | "aarch64";
  /** The lab's image that its instances boot. */
  labImage: ImageName;
  /** Their kernel's name of their NIC. */
  nic: string;
}

interface Release {
  name: string;
  operatingSystem: string;
  operatingSystemVersion: string;
  labImage: ImageName;
  nic: string;
}

const RELEASES: Release[] = [
  {
    name: "Canonical-Ubuntu-24.04",
    operatingSystem: "Canonical Ubuntu",
    operatingSystemVersion: "24.04",
    labImage: "ubuntu-like",
    nic: "ens3",
  },
  {
    name: "Oracle-Linux-9.6",
    operatingSystem: "Oracle Linux",
    operatingSystemVersion: "9",
    labImage: "oracle-linux-like",
    nic: "enp0s6",
  },
];

const DATE = "2026.10.01-0";

/** For each release one image a processor. Both boot the same lab image, since the lab has one processor. */
const PLATFORM: CatalogueEntry[] = RELEASES.flatMap((release) =>
  (["x86", "aarch64"] as const).map((processor): CatalogueEntry => {
    const displayName = [release.name, ...(processor === "x86" ? [] : [processor]), DATE].join("-");
    const unique = createHash("sha256").update(displayName).digest("hex").slice(0, 52);
    return {
      processor,
      labImage: release.labImage,
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
 * A custom image of the compartment for each release. The API lists it beside the platform's, newer than those, and with
 * the name of their operating system.
 *
 * Source: https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/Image/ListImages
 */
const CUSTOM: CatalogueEntry[] = PLATFORM.filter(({ processor }) => processor === "x86").map((entry) => {
  const displayName = `hardened-${entry.image.displayName}`;
  const unique = createHash("sha256").update(displayName).digest("hex").slice(0, 52);
  const image = {
    ...entry.image,
    id: `ocid1.image.oc1.${REGION}.aaaaaaaa${unique}`,
    compartmentId: COMPARTMENT,
    baseImageId: entry.image.id,
    displayName,
    timeCreated: "2026-11-01T00:00:00.000Z",
  };
  return { ...entry, image };
});

const CATALOGUE: CatalogueEntry[] = [...PLATFORM, ...CUSTOM];

/**
 * The catalogue's entry of an image, by its OCID.
 *
 * @throws CloudError NotFound
 */
export function imageEntry(id: string): CatalogueEntry {
  const entry = CATALOGUE.find(({ image }) => image.id === id);
  if (entry === undefined) throw notFound(id);
  return entry;
}

export const allImages = (): Image[] => CATALOGUE.map(({ image }) => image);

/** The lab images that instances may boot. */
export const bootableImages = (): ImageName[] => [...new Set(CATALOGUE.map(({ labImage }) => labImage))];
