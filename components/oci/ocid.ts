import type { Problem } from "../vxlan/problems.ts";
import type { Ocid } from "./settings.ts";

/** Checks an OCID. A value that is no text, such as an output, is not checked. */
export function problemWithOcid(id: Ocid, kind: string | readonly string[], path: string): Problem[] {
  if (typeof id !== "string") return [];
  const kinds = typeof kind === "string" ? [kind] : kind;
  const isOfKind = kinds.some((each) =>
    new RegExp(`^ocid1\\.${each}\\.[a-z0-9-]+\\.[a-z0-9-]*\\.\\S+$`).test(id),
  );
  if (isOfKind) return [];
  return [{ path, message: `"${id}" is no OCID of a ${kinds[0]}: it begins with ocid1.${kinds[0]}.` }];
}
