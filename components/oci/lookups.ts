/** What is chosen from the lists that the cloud gives. */

/**
 * The availability domain that was named, by its full name or by its end, or else the first.
 *
 * @throws Error that lists what there is
 */
export function chooseAvailabilityDomain(known: readonly string[], wanted?: string): string {
  const found =
    wanted === undefined
      ? known[0]
      : known.find((name) => name === wanted || name.toUpperCase().endsWith(`-${wanted.toUpperCase()}`));
  if (found !== undefined) return found;
  throw new Error(
    known.length === 0
      ? "the region lists no availability domain for this compartment: check compartmentId, oci:region and the policies of your user."
      : `availabilityDomain: there is no "${wanted}" in this region: use one of ${known.join(", ")}, or the end of one.`,
  );
}

/**
 * The newest image that runs on a shape: the first of a list that was asked for by shape, newest first.
 *
 * @throws Error when there is none, which is how an image and a shape that do not fit show themselves
 */
export function chooseImage(images: readonly { id: string }[], wanted: string, shape: string): string {
  const [newest] = images;
  if (newest) return newest.id;
  throw new Error(
    `image: none of "${wanted}" runs on ${shape}: choose another image or shape ` +
      "(`oci compute image list --compartment-id … --shape …` shows what fits), or give image.id.",
  );
}
