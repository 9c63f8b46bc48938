import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A file that a release has left on a host. */
export interface HostFile {
  path: string;
  /** In octal, as `stat -c %a` prints it; of a symbolic link undefined. */
  mode?: string;
  /** The text by lines; a link's target. */
  lines: string[];
}

/** A resource that a release registers for `environmentBefore` of ../changes.ts, against mocks. */
export interface RecordedResource {
  urn: string;
  type: string;
  name: string;
  /** Of resources in the cloud, without the metadata of instances, which holds keys; else empty. */
  inputs: Record<string, unknown>;
}

/** The traces of a release: a stack of two existing hosts, without anything secret. */
export interface Recording {
  /** The value of `oci-vxlan:environment`. */
  config: object;
  /** As `pulumi stack export --show-secrets` prints it, with placeholders. */
  state: object;
  /** What the release left on each host beside its program: settings, memory, marks of the device, links of the unit. */
  files: Record<string, HostFile[]>;
  /** Phase device with all files of the program, as the release delivers them to a host. */
  program: string;
  resources: RecordedResource[];
}

/** Each release has a folder in it. */
export const FOLDER = import.meta.dirname;

/** The recorded releases, the newest one last. */
export function recordedReleases(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => /^\d+\.\d+\.\d+$/.test(name))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

export function readRecording(release: string): Recording {
  const readText = (name: string) => readFileSync(join(FOLDER, release, name), "utf8");
  const readJson = (name: string) => JSON.parse(readText(`${name}.json`)) as never;
  return {
    config: readJson("config"),
    state: readJson("state"),
    files: readJson("files"),
    resources: readJson("resources"),
    program: readText("program.txt"),
  };
}

export function writeRecording(release: string, { program, ...values }: Recording): void {
  const folder = join(FOLDER, release);
  mkdirSync(folder, { recursive: true });
  for (const [name, value] of Object.entries(values))
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(value, null, 2)}\n`);
  writeFileSync(join(folder, "program.txt"), program);
}
