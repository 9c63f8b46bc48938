import { closeSync, existsSync, openSync, readSync } from "node:fs";

/** Where the time of a run of Pulumi goes, from the engine's own event log. */

/** An event of the engine, and when it was seen; the log itself knows full seconds only. */
export interface EngineEvent {
  at: number;
  /** Name of the event: `resOutputsEvent` … */
  kind: string;
  /** Of a resource: its operation and the end of its URN. */
  operation?: string;
  name?: string;
}

/** Reads lines that an engine appends to a file, every few milliseconds. */
export class EventLog {
  readonly events: EngineEvent[] = [];
  private readonly file: string;
  private position = 0;
  private rest = "";
  private timer: NodeJS.Timeout | undefined;

  constructor(file: string) {
    this.file = file;
  }

  start(): void {
    this.timer = setInterval(() => this.read(), 20);
  }

  stop(): void {
    clearInterval(this.timer);
    this.read();
  }

  private read(): void {
    if (!existsSync(this.file)) return;
    const file = openSync(this.file, "r");
    const buffer = Buffer.alloc(1 << 20);
    try {
      for (let count = 1; count > 0; this.position += count) {
        count = readSync(file, buffer, 0, buffer.length, this.position);
        this.add(buffer.toString("utf8", 0, count));
      }
    } finally {
      closeSync(file);
    }
  }

  private add(text: string): void {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    const at = performance.now();
    for (const line of lines.filter((each) => each !== "")) this.events.push(parseEvent(at, line));
  }
}

/** What begins a line. Behind it stands the whole resource, which takes long to parse and is not needed. */
const BEGINNING =
  /^\{"sequence":\d+,"timestamp":\d+,"(\w+Event)":(?:\{"metadata":\{"op":"([^"]+)","urn":"([^"]+)")?/;

export function parseEvent(at: number, line: string): EngineEvent {
  const [, kind = "", operation, urn] = BEGINNING.exec(line) ?? [];
  return { at, kind, operation, name: urn?.split("::").pop() };
}

/** Milliseconds of each part of an `up`, one after the other. A part that did not happen is missing. */
export function phasesOf(events: readonly EngineEvent[], start: number, end: number): Record<string, number> {
  const steps = events.filter(({ kind }) => kind === "resOutputsEvent");
  const isRefresh = ({ operation }: EngineEvent) => operation === "refresh";
  const last = (matches: (event: EngineEvent) => boolean) => steps.findLast(matches)?.at;
  const marks: [string, number | undefined][] = [
    ["engine starts", events[0]?.at],
    ["refresh", last(isRefresh)],
    [
      "program and phase device",
      last((event) => !isRefresh(event) && event.name?.endsWith("-device") === true),
    ],
    ["phase peers", last((event) => !isRefresh(event) && event.name?.endsWith("-peers") === true)],
    ["connectivity test and end", end],
  ];
  const phases: Record<string, number> = {};
  let before = start;
  for (const [name, at] of marks) {
    if (at === undefined || at < before) continue;
    phases[name] = at - before;
    before = at;
  }
  return phases;
}
