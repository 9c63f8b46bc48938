import { readFileSync } from "node:fs";

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
    resources: sum(({ type }) => (/^pulumi:(pulumi|providers):/.test(type) ? 0 : 1)),
    dependencies: sum(({ dependencies = [] }) => dependencies.length),
    propertyDependencies: sum(
      ({ propertyDependencies = {} }) => Object.values(propertyDependencies).flat().length,
    ),
  };
}

/** Spaces before each line of a resource, which stands in checkpoint, latest and resources. */
const INDENTATION = 16;

/** Resource by resource, since the state of a thousand hosts may be longer than a string can be. */
function sizeOf(resources: readonly StateResource[]): number {
  const envelope = { version: 3, checkpoint: { latest: { resources: [] } } };
  return resources.reduce(
    (total, resource, index) => {
      const text = JSON.stringify(resource, undefined, 4);
      const separator = index === 0 ? "\n".length + "\n".length + INDENTATION - 4 : ",\n".length;
      return total + separator + Buffer.byteLength(text) + INDENTATION * text.split("\n").length;
    },
    Buffer.byteLength(JSON.stringify(envelope, undefined, 4)),
  );
}

/** Counts the state in a file of Pulumi's backend. */
export function countStateFile(file: string): StateFigures {
  const text = readFileSync(file, "utf8");
  const { checkpoint } = JSON.parse(text) as { checkpoint: { latest?: { resources?: StateResource[] } } };
  return countState(checkpoint.latest?.resources ?? [], Buffer.byteLength(text));
}
