import { RELEASE } from "./release.ts";

/** What changes in an overlay, in words. */

/** Where a phase device changes something. */
const WHERE = "on the hosts whose phase device is updated.";

/** That hosts get another program, by its digests. */
export function programChanges(before: string | undefined, after: string | undefined): string[] {
  if (before === undefined || after === undefined || before === after) return [];
  return [`the program of oci-vxlan ${RELEASE} replaces another version, ${WHERE}`];
}

/** Which hosts join and leave, by name. None of it where there was no overlay before. */
export function membershipChanges(before: readonly string[], after: readonly string[]): string[] {
  const stayingHosts = before.filter((host) => after.includes(host));
  if (stayingHosts.length === 0) return [];
  const joiningHosts = after.filter((host) => !before.includes(host));
  const leavingHosts = before.filter((host) => !after.includes(host));
  const isOne = stayingHosts.length === 1;
  const change = (hosts: readonly string[], word: string, verb: string) =>
    hosts.length === 0
      ? []
      : [
          `${hostList(hosts)} ${word}${hosts.length === 1 ? "s" : ""}: the ${isOne ? "list" : "lists"} of peers of ${hostList(stayingHosts)} ` +
            `${verb}${isOne ? "s" : ""} by ${hosts.length}.`,
        ];
  return [...change(joiningHosts, "join", "grow"), ...change(leavingHosts, "leave", "shrink")];
}

/** Hosts that are named; of more, how many there are. */
const NAMED_HOSTS = 4;

function hostList(hosts: readonly string[]): string {
  if (hosts.length > NAMED_HOSTS) return `${hosts.length} hosts`;
  return hosts.length === 1 ? `${hosts[0]}` : `${hosts.slice(0, -1).join(", ")} and ${hosts.at(-1)}`;
}

/** Lines of a settings file that say whose it is, and change with that only. */
const IDENTITY_KEYS = ["overlay", "owner", "resource", "machine"];

/** The differences between two settings files of a device: "vni: 100 becomes 101". */
export function settingsChanges(before: string, after: string): string[] {
  const [old, desired] = [settingsOf(before), settingsOf(after)];
  const keys = [...new Set([...old.keys(), ...desired.keys()])].filter((key) => !IDENTITY_KEYS.includes(key));
  return keys.flatMap((key) => {
    const [from = "the default", to = "the default"] = [old.get(key), desired.get(key)];
    return from === to ? [] : [`${key}: ${from} becomes ${to}, ${WHERE}`];
  });
}

function settingsOf(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const [key = "", ...values] = line.split(" ");
    const value = values.join(" ");
    settings.set(key, settings.has(key) ? `${settings.get(key)} and ${value}` : value);
  }
  return settings;
}
