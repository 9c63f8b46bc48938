import { caseless, definedTags, time } from "./forms.ts";
import type { Fields, Properties } from "./forms.ts";

/** One type of resource: its properties, and the API calls that its life takes. */
export interface ResourceType {
  properties: Properties;
  /** `inputs` are what the program wants, `details` the same as the API takes it. */
  create: (details: Fields, inputs: Fields) => Promise<object>;
  read: (id: string) => Promise<object>;
  /** `details` holds what changed. `state` is what was known before, `inputs` what the program wants. */
  update: (id: string, details: Fields, state: Fields, inputs: Fields) => Promise<unknown>;
  /** `state` is what is known of the resource. */
  delete: (id: string, state: Fields) => Promise<unknown>;
  /** Lifecycle states in which it is ready, and those on the way there. */
  lifecycle: { ready: readonly string[]; pending: readonly string[] };
  /** Seconds that it may take to become ready or to go. */
  limit: number;
  /** What else the program sees of it, from other calls; `known` is what the program or the state says of it. */
  more?: (api: Fields, known: Fields) => Promise<Fields>;
  /** True where delete leaves the object itself. */
  staysAfterDelete?: true;
}

/** What every resource has. */
export const COMMON: Properties = {
  compartmentId: { required: true, change: "refused" },
  definedTags: { form: definedTags },
  displayName: {},
  freeformTags: {},
  state: { api: "lifecycleState", kind: "output" },
  timeCreated: { form: time, kind: "output" },
};

/** The VCN that a network resource is in. */
export const IN_VCN: Properties = { vcnId: { required: true, change: "replaces" } };

/** A name in the VCN's DNS. */
export const DNS_LABEL: Properties = { dnsLabel: { form: caseless, change: "replaces" } };

/** Network resources are there within seconds; the real plugin waits for them for as long as this. */
export const NETWORK = {
  lifecycle: { ready: ["AVAILABLE"], pending: ["PROVISIONING", "UPDATING"] },
  limit: 20 * 60,
} as const;
