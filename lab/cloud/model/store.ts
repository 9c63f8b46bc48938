import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type {
  BootVolume,
  BootVolumeAttachment,
  DhcpOptions,
  Instance,
  InternetGateway,
  PrivateIp,
  RouteTable,
  SecurityList,
  Subnet,
  Vcn,
  Vnic,
  VnicAttachment,
} from "./resources.ts";

/** What the cloud keeps of an instance and shows to nobody. */
export interface Machine {
  /** The lab's host that it is. */
  host: string;
  /** Whether its disk is of an image that it has no more: its next boot begins with a new one. */
  stale?: boolean;
  /** Why it is off, where it did not end well. */
  failure?: string;
}

/** Everything that the cloud knows, by kind and OCID. */
export interface State {
  vcns: Record<string, Vcn>;
  dhcpOptions: Record<string, DhcpOptions>;
  internetGateways: Record<string, InternetGateway>;
  routeTables: Record<string, RouteTable>;
  securityLists: Record<string, SecurityList>;
  subnets: Record<string, Subnet>;
  instances: Record<string, Instance>;
  vnics: Record<string, Vnic>;
  vnicAttachments: Record<string, VnicAttachment>;
  privateIps: Record<string, PrivateIp>;
  bootVolumes: Record<string, BootVolume>;
  bootVolumeAttachments: Record<string, BootVolumeAttachment>;
  machines: Record<string, Machine>;
  /** What a request with a retry token made, so that its repetition makes no second one. */
  retries: Record<string, string>;
}

export type Kind = Exclude<keyof State, "machines" | "retries">;

const EMPTY: State = {
  vcns: {},
  dhcpOptions: {},
  internetGateways: {},
  routeTables: {},
  securityLists: {},
  subnets: {},
  instances: {},
  vnics: {},
  vnicAttachments: {},
  privateIps: {},
  bootVolumes: {},
  bootVolumeAttachments: {},
  machines: {},
  retries: {},
};

const KINDS = Object.keys(EMPTY).filter((key): key is Kind => key !== "machines" && key !== "retries");

/** The state as it was last written, without the retry tokens of what is gone; empty where nothing was written. */
export function loadState(file: string): State {
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<State>) : {};
  const state = { ...structuredClone(EMPTY), ...kept };
  const made = (id: string) => KINDS.some((kind) => id in state[kind]);
  state.retries = Object.fromEntries(Object.entries(state.retries).filter(([, id]) => made(id)));
  return state;
}

/** Writes the state whole or not at all. It holds what instances were given at launch, so only root reads it. */
export function saveState(file: string, state: State): void {
  const unfinished = `${file}.new`;
  writeFileSync(unfinished, JSON.stringify(state), { mode: 0o600 });
  renameSync(unfinished, file);
}
