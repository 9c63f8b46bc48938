import { caseInsensitive, definedTags, time } from "./codecs.ts";
import type { Fields, Properties } from "./codecs.ts";

/** One type of resource: its properties, and the API's calls for it. */
export interface ResourceType {
  properties: Properties;
  /** `details` are the program's inputs in the API's form. */
  create: (details: Fields, inputs: Fields) => Promise<object>;
  /** `state` holds the inputs of a creation, or else the properties in the state. */
  read: (id: string, state: Fields) => Promise<object>;
  /** `details` holds the changed properties only. */
  update: (id: string, details: Fields, state: Fields, inputs: Fields) => Promise<unknown>;
  /** Moves it to another compartment, before any other change. */
  move?: (id: string, compartmentId: string) => Promise<unknown>;
  delete: (id: string, state: Fields) => Promise<unknown>;
  /** The lifecycle states in which it is ready, and those on the way there. */
  lifecycle: { readyStates: readonly string[]; pendingStates: readonly string[] };
  /** Seconds that it may take to become ready, or to be gone. */
  timeout: number;
  /** Outputs that need other calls. `previous` are the inputs of a creation, or else the state. */
  extraOutputs?: (api: Fields, previous: Fields) => Promise<Fields>;
  /** True where delete does not remove the resource itself. */
  staysAfterDelete?: true;
}

/** Properties of every resource. */
export const COMMON: Properties = {
  compartmentId: { required: true },
  definedTags: { codec: definedTags },
  displayName: {},
  freeformTags: {},
  state: { api: "lifecycleState", kind: "output" },
  timeCreated: { codec: time, kind: "output" },
};

/** The VCN that a network resource is in. */
export const IN_VCN: Properties = { vcnId: { required: true, change: "replaces" } };

/** A name in the VCN's DNS. */
export const DNS_LABEL: Properties = { dnsLabel: { codec: caseInsensitive, change: "replaces" } };

/** Network resources take seconds; the official plugin waits up to this timeout. */
export const NETWORK = {
  lifecycle: { readyStates: ["AVAILABLE"], pendingStates: ["PROVISIONING", "UPDATING"] },
  timeout: 20 * 60,
} as const;
