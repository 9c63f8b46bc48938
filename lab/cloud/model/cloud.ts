import { randomBytes } from "node:crypto";
import { COMPARTMENT, REGION, TENANCY } from "../region.ts";
import { notFound } from "../errors.ts";
import type { Instance, LifecycleState, Resource } from "./resources.ts";
import type { Kind, State } from "./store.ts";

/** What the cloud makes happen outside its books. */
export interface Effects {
  /** Keeps the state. */
  save: (state: State) => void;
  /** Brings the rules between VNICs in line with the state; resolves when they are. */
  network: () => Promise<void>;
  /** Boots an instance's machine, which may exist already; returns when its power is on. */
  start: (instance: Instance) => Promise<void>;
  /** Turns a machine off: at once, or by asking its system. */
  stop: (instance: Instance, how: "cut" | "ask") => Promise<void>;
  /** Restarts a machine: at once, or by asking its system. */
  reset: (instance: Instance, how: "cut" | "ask") => Promise<void>;
  /** Removes a machine and all that it wrote. */
  remove: (instance: Instance) => Promise<void>;
  /** Whether a machine's power is on. */
  isOn: (instance: Instance) => boolean;
  /** What a machine said last. */
  lastWords: (instance: Instance) => string;
  /** A name for a new instance's machine that none has yet. */
  nameMachine: (wanted: string) => string;
}

/** What every create request carries. */
export interface CommonDetails {
  compartmentId: string;
  displayName?: string | undefined;
  freeformTags?: Record<string, string> | undefined;
  definedTags?: Record<string, Record<string, unknown>> | undefined;
}

/** Milliseconds that a resource stays in a passing state, so that a client that does not wait is found out. */
const PASSING = 60;

/** The cloud's books, and the means to change them. */
export class Cloud {
  readonly state: State;
  readonly effects: Effects;

  constructor(state: State, effects: Effects) {
    this.state = state;
    this.effects = effects;
  }

  /**
   * A resource by its OCID.
   *
   * @throws CloudError 404
   */
  get<K extends Kind>(kind: K, id: string): State[K][string] {
    const found = (this.state[kind] as Record<string, State[K][string]>)[id];
    if (found === undefined) throw notFound(id);
    return found;
  }

  /** All resources of a kind. */
  all<K extends Kind>(kind: K): State[K][string][] {
    return Object.values(this.state[kind]) as State[K][string][];
  }

  /** Puts a new resource into the books. */
  add<K extends Kind>(kind: K, resource: State[K][string]): void {
    (this.state[kind] as Record<string, State[K][string]>)[resource.id] = resource;
  }

  remove(kind: Kind, id: string): void {
    delete this.state[kind][id];
  }

  save(): void {
    this.effects.save(this.state);
  }

  /** What a new resource has in common with all others. */
  common(type: string, details: CommonDetails, fallbackName: string): Omit<Resource, "lifecycleState"> {
    this.checkCompartment(details.compartmentId);
    return {
      id: newOcid(type),
      compartmentId: details.compartmentId,
      displayName: details.displayName ?? `${fallbackName}${timestamp()}`,
      timeCreated: new Date().toISOString(),
      freeformTags: details.freeformTags ?? {},
      definedTags: details.definedTags ?? {},
    };
  }

  /**
   * The lab's user has one compartment, below the tenancy's root.
   *
   * @throws CloudError 404
   */
  checkCompartment(id: string): void {
    if (id !== COMPARTMENT && id !== TENANCY) throw notFound(`compartment ${id}`);
  }

  /** Lets a passing state end after a while: in another, or in the resource's removal. */
  settle(kind: Kind, id: string, into: LifecycleState | "removed"): void {
    setTimeout(() => {
      if (!(id in this.state[kind])) return;
      if (into === "removed") this.remove(kind, id);
      else (this.get(kind, id) as Resource).lifecycleState = into;
      this.save();
    }, PASSING);
  }
}

/** What every update request can change. */
export function updateCommon(
  resource: Omit<Resource, "lifecycleState">,
  { displayName, freeformTags, definedTags }: Partial<CommonDetails>,
): void {
  if (displayName !== undefined) resource.displayName = displayName;
  if (freeformTags !== undefined) resource.freeformTags = freeformTags;
  if (definedTags !== undefined) resource.definedTags = definedTags;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** An OCID as Oracle makes them, random in its last 56 characters. */
export function newOcid(type: string): string {
  const unique = [...randomBytes(56)].map((byte) => LETTERS[byte % 32]).join("");
  return `ocid1.${type}.oc1.${REGION}.anth${unique}`;
}

const timestamp = () =>
  new Date()
    .toISOString()
    .replace(/[-:TZ]/g, "")
    .slice(0, 14);
