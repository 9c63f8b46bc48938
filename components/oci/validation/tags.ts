import type { Problem } from "../../vxlan/problems.ts";

/** OCI's limits for freeform tags of one resource: how many, and the length of keys and values. */
const MOST_TAGS = 10;
const LONGEST_KEY = 100;
const LONGEST_VALUE = 256;

export function validateTags(tags: Readonly<Record<string, string>>): Problem[] {
  const problems: Problem[] = Object.entries(tags)
    .filter(
      ([key, value]) =>
        key === "" || key.length > LONGEST_KEY || value.length > LONGEST_VALUE || /[\s.]/.test(key),
    )
    .map(([key]) => ({
      path: `tags.${key}`,
      message: `is no freeform tag: a key has 1 to ${LONGEST_KEY} characters without dots or blanks, a value ${LONGEST_VALUE} at most.`,
    }));
  if (Object.keys(tags).length > MOST_TAGS) {
    problems.push({
      path: "tags",
      message: `${Object.keys(tags).length} tags, and a resource has ${MOST_TAGS} at most.`,
    });
  }
  return problems;
}
