import type { Problem } from "../problems.ts";
import type { HostMap } from "../settings.ts";

export function validateHostNames(hosts: HostMap<unknown>): Problem[] {
  const names = Object.keys(hosts);
  const problems: Problem[] = names
    .filter((name) => !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    .map((name) => ({
      path: `hosts.${name}`,
      message: `"${name}" is no host name: use lower-case letters, digits and inner hyphens, at most 63 characters.`,
    }));
  if (names.length < 2) {
    problems.push({
      path: "hosts",
      message: `an overlay joins two hosts or more, and ${names.length === 0 ? "none is" : "only one is"} given.`,
    });
  }
  return problems;
}
