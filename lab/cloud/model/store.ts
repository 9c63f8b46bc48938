import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { OCID_TYPES } from "./ocid.ts";
import type { GroupRule, ResourceKind, Resources } from "./resources.ts";

/** The lab's host behind an instance, which the API does not show. */
interface Machine {
  /** The name of the lab's host. */
  host: string;
  /** Set when the instance got another image: the next boot begins with a new disk. */
  stale?: boolean;
  /** Why it is off, where it did not end well. */
  failure?: string;
}

/** Resources by kind and OCID. */
export type ResourceTables = { [K in ResourceKind]: Record<string, Resources[K]> };

/** Everything that the cloud stores. */
export type State = ResourceTables & {
  /** By the instance's OCID. */
  machines: Record<string, Machine>;
  /** The rules of network security groups, by the group's OCID. */
  groupRules: Record<string, GroupRule[]>;
  /** The OCIDs of resources that were created with a retry token, by kind and token. */
  retries: Record<string, string>;
};

const emptyState = (): State => ({
  vcns: {},
  dhcpOptions: {},
  internetGateways: {},
  natGateways: {},
  serviceGateways: {},
  routeTables: {},
  securityLists: {},
  networkSecurityGroups: {},
  subnets: {},
  instances: {},
  vnics: {},
  vnicAttachments: {},
  privateIps: {},
  bootVolumes: {},
  bootVolumeAttachments: {},
  machines: {},
  groupRules: {},
  retries: {},
});

/** The state as it was last saved, without retry tokens of deleted resources; empty where nothing was saved. */
export function loadState(file: string): State {
  const savedState = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<State>) : {};
  const state = { ...emptyState(), ...savedState };
  const kinds = Object.keys(OCID_TYPES) as ResourceKind[];
  const retries = Object.entries(state.retries).filter(([, id]) => kinds.some((kind) => id in state[kind]));
  return { ...state, retries: Object.fromEntries(retries) };
}

/** Writes the state whole or not at all. It holds the instances' metadata with their keys: root alone reads it. */
export function saveState(file: string, state: State): void {
  const newFile = `${file}.new`;
  writeFileSync(newFile, JSON.stringify(state), { mode: 0o600 });
  renameSync(newFile, file);
}
