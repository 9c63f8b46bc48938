/** What of a stack's state is counted. */

/** A resource as Pulumi's state holds it, as far as it is read here. */
export interface StateResource {
  urn: string;
  type: string;
  dependencies?: string[];
  propertyDependencies?: Record<string, string[]>;
  [property: string]: unknown;
}

export interface StateFigures {
  bytes: number;
  /** Resources, less the stack and its providers. */
  resources: number;
  /** Entries of all lists `dependencies`. */
  dependencies: number;
  /** Entries of all lists in `propertyDependencies`. */
  propertyDependencies: number;
}

/** Counts a state. Pulumi's backend for files writes it with four spaces of indentation. */
export function countState(resources: readonly StateResource[], bytes = sizeOf(resources)): StateFigures {
  const sum = (count: (resource: StateResource) => number) =>
    resources.reduce((total, resource) => total + count(resource), 0);
  return {
    bytes,
    resources: sum(({ type }) => (type.startsWith("pulumi:") ? 0 : 1)),
    dependencies: sum(({ dependencies = [] }) => dependencies.length),
    propertyDependencies: sum(
      ({ propertyDependencies = {} }) => Object.values(propertyDependencies).flat().length,
    ),
  };
}

const sizeOf = (resources: readonly StateResource[]) =>
  Buffer.byteLength(JSON.stringify({ version: 3, checkpoint: { latest: { resources } } }, undefined, 4));
