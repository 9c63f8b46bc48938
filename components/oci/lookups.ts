/** Whether an availability domain needs no lookup: its name has its tenancy's prefix, as `Uocm:EU-FRANKFURT-1-AD-1`. */
export const isFullDomainName = (name: string | undefined): name is string => name?.includes(":") ?? false;

/**
 * Chooses an availability domain of the region.
 *
 * @param domains of the region; undefined where Oracle does not know the compartment that was asked for
 * @param choice full name, or the end of one such as `AD-2`; undefined: the first
 * @throws Error that lists the names
 */
export function chooseAvailabilityDomain(
  domains: readonly { name: string }[] | undefined,
  choice?: string,
): string {
  const names = (domains ?? []).map(({ name }) => name);
  const isChoice = (name: string) =>
    choice === undefined || name === choice || name.toUpperCase().endsWith(`-${choice.toUpperCase()}`);
  const availabilityDomain = names.find(isChoice);
  if (availabilityDomain !== undefined) return availabilityDomain;
  throw new Error(
    names.length === 0
      ? "the region lists no availability domain for this compartment: check compartmentId, oci:region and the policies of your user."
      : `availabilityDomain: there is no "${choice}" in this region: use one of ${names.join(", ")}, or the end of one.`,
  );
}

/** A service of Oracle's that a service gateway leads to. */
interface OracleService {
  id: string;
  /** Its addresses, by a name that route rules take. */
  cidrBlock: string;
}

/**
 * Chooses all services of the region, among them the repositories of Oracle Linux.
 *
 * @throws Error that lists the services
 */
export function chooseAllServices<T extends OracleService>(services: readonly T[]): T {
  const all = services.find(({ cidrBlock }) =>
    /^all-.*-services-in-oracle-services-network$/.test(cidrBlock),
  );
  if (all !== undefined) return all;
  const names = services.map(({ cidrBlock }) => cidrBlock).join(", ") || "none";
  throw new Error(
    `the region has no service that stands for all of Oracle's (it has ${names}): use subnets that are not private.`,
  );
}

/**
 * Chooses the newest platform image. A list of images holds the compartment's custom ones too, under the same name, and
 * what is in them nobody here knows.
 *
 * @param images of one name that run on the shape, newest first; a custom image has a `baseImageId`. Undefined where
 *   Oracle does not know the compartment that was asked for.
 * @throws Error where there is none, for example since the image does not run on the shape
 */
export function chooseImage(
  images: readonly { id: string; baseImageId?: string }[] | undefined,
  image: string,
  shape: string,
): string {
  if (images === undefined)
    throw new Error(
      "image: Oracle lists no images for this compartment: check compartmentId, oci:region and the policies of your user.",
    );
  const newestImage = images.find(({ baseImageId }) => !baseImageId);
  if (newestImage) return newestImage.id;
  throw new Error(
    `image: no platform image of "${image}" runs on ${shape}: choose another image or shape ` +
      "(`oci compute image list --compartment-id … --shape …` shows what fits), or give image.id, as a custom image needs.",
  );
}
