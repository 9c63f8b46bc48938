/**
 * Chooses an availability domain of the region.
 *
 * @param names of the region's availability domains
 * @param choice full name, or the end of one such as `AD-2`; undefined: the first
 * @throws Error that lists the names
 */
export function chooseAvailabilityDomain(names: readonly string[], choice?: string): string {
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

/**
 * Chooses the newest image.
 *
 * @param images of one name that run on the shape, newest first
 * @throws Error where there is none, for example since the image does not run on the shape
 */
export function chooseImage(images: readonly { id: string }[], image: string, shape: string): string {
  const [newest] = images;
  if (newest) return newest.id;
  throw new Error(
    `image: none of "${image}" runs on ${shape}: choose another image or shape ` +
      "(`oci compute image list --compartment-id … --shape …` shows what fits), or give image.id.",
  );
}
