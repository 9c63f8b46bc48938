import { COMPARTMENT, SECOND_COMPARTMENT, TENANCY } from "../region.ts";
import type { CreateFields } from "../requestSchemas.ts";
import { notFound } from "./errors.ts";
import { newOcid, OCID_TYPES } from "./ocid.ts";
import type { Instance, NetworkKind, Resource, ResourceKind, Resources } from "./resources.ts";
import type { ResourceTables, State } from "./store.ts";

/** "force" cuts the power; "graceful" asks the host's system first. */
export type PowerMode = "force" | "graceful";

/** The cloud's effects outside its state: hosts, the router's rules, the state file. */
export interface Effects {
  save: (state: State) => void;
  /** Brings the router's rules in line with the state; resolves when they are loaded. */
  syncNetwork: () => Promise<void>;
  /** Boots an instance's machine; resolves when its power is on. The machine may exist already. */
  start: (instance: Instance) => Promise<void>;
  stop: (instance: Instance, mode: PowerMode) => Promise<void>;
  reset: (instance: Instance, mode: PowerMode) => Promise<void>;
  /** Removes a machine and its files. */
  remove: (instance: Instance) => Promise<void>;
  /** Whether a machine's power is on. */
  isOn: (instance: Instance) => boolean;
  /** The last lines of a machine's console log. */
  lastLogLines: (instance: Instance) => string;
  /** The number of launches that still find host capacity; Infinity where no fault limits it. */
  launchesLeft: () => number;
  /** Whether an availability domain has no host capacity at all. */
  isFull: (availabilityDomain: string) => boolean;
  /** Whether a policy allows capacity reports. */
  allowsReports: () => boolean;
  /** A host name for a new instance's machine: the preferred one, or that with a number where it is in use. */
  uniqueHostName: (preferredName: string) => string;
}

/** Milliseconds that a resource stays PROVISIONING or TERMINATING, long enough to catch a client that does not wait. */
const TRANSITION = 60;

/** The cloud: its state, and the means to change it. */
export class Cloud {
  readonly state: State;
  readonly effects: Effects;

  constructor(state: State, effects: Effects) {
    this.state = state;
    this.effects = effects;
  }

  private get tables(): ResourceTables {
    return this.state;
  }

  /**
   * A resource by its OCID.
   *
   * @throws CloudError NotFound
   */
  get<K extends ResourceKind>(kind: K, id: string): Resources[K] {
    const resource = this.tables[kind][id];
    if (resource === undefined) throw notFound(id);
    return resource;
  }

  /** All resources of a kind. */
  all<K extends ResourceKind>(kind: K): Resources[K][] {
    return Object.values(this.tables[kind]);
  }

  add<K extends ResourceKind>(kind: K, resource: Resources[K]): void {
    const table: Record<string, Resources[K]> = this.tables[kind];
    table[resource.id] = resource;
  }

  /** Changes the given fields of a resource; an undefined value changes nothing. */
  update<K extends ResourceKind>(kind: K, id: string, changes: Partial<Resources[K]>): Resources[K] {
    const defined = Object.entries(changes).filter(([, value]) => value !== undefined);
    return Object.assign(this.get(kind, id), Object.fromEntries(defined));
  }

  remove(kind: ResourceKind, id: string): void {
    delete this.tables[kind][id];
  }

  /** Adds a network resource, which is PROVISIONING for a moment, then AVAILABLE. */
  provision<K extends NetworkKind>(kind: K, resource: Resources[K]): Resources[K] {
    this.add(kind, resource);
    this.afterTransition(kind, resource.id, (addedResource) => {
      addedResource.lifecycleState = "AVAILABLE";
    });
    return resource;
  }

  /** Changes a network resource, which is UPDATING for a moment. */
  updateSlowly<K extends NetworkKind>(kind: K, id: string, changes: Partial<Resources[K]>): void {
    Object.assign(this.update(kind, id, changes), { lifecycleState: "UPDATING" });
    this.afterTransition(kind, id, (resource) => {
      if (resource.lifecycleState === "UPDATING") resource.lifecycleState = "AVAILABLE";
    });
  }

  /** Removes a network resource, which is TERMINATING for a moment. */
  terminate(kind: NetworkKind, id: string): void {
    this.get(kind, id).lifecycleState = "TERMINATING";
    this.afterTransition(kind, id, () => this.remove(kind, id));
  }

  private afterTransition(kind: NetworkKind, id: string, change: (resource: Resource) => void): void {
    setTimeout(() => {
      const resource = this.tables[kind][id];
      if (resource === undefined) return;
      change(resource);
      this.save();
    }, TRANSITION);
  }

  save(): void {
    this.effects.save(this.state);
  }

  /** The fields that all new resources have; the default name is made from the kind and the time. */
  commonFields(kind: ResourceKind, details: CreateFields): Omit<Resource, "lifecycleState"> {
    this.checkCompartment(details.compartmentId);
    return {
      id: newOcid(kind),
      compartmentId: details.compartmentId,
      displayName: details.displayName ?? `${OCID_TYPES[kind]}${timestamp()}`,
      timeCreated: new Date().toISOString(),
      freeformTags: details.freeformTags ?? {},
      definedTags: details.definedTags ?? {},
    };
  }

  /**
   * The lab's user has two compartments, below the tenancy's root.
   *
   * @throws CloudError NotFound
   */
  checkCompartment(id: string): void {
    if (![COMPARTMENT, SECOND_COMPARTMENT, TENANCY].includes(id)) throw notFound(`compartment ${id}`);
  }
}

/** For example 20261125220014. */
const timestamp = () =>
  new Date()
    .toISOString()
    .replace(/[-:TZ]/g, "")
    .slice(0, 14);
