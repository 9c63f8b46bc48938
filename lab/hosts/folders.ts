import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Lab } from "../system/lab.ts";

/** The folder that holds one folder for each host. */
export const hostsFolder = (lab: Lab) => join(lab.directory, "hosts");

export const hostFolder = (lab: Lab, host: string) => join(hostsFolder(lab), host);

export const consoleLog = (lab: Lab, host: string) => join(hostFolder(lab, host), "console.log");

/** The names of the lab's hosts, running or not. */
export function listHosts(lab: Lab): string[] {
  return existsSync(hostsFolder(lab)) ? readdirSync(hostsFolder(lab)).sort() : [];
}

/** The last three lines of a host's console, joined; "nothing" for an empty one. */
export function lastLogLines(lab: Lab, host: string): string {
  const log = consoleLog(lab, host);
  const lines = existsSync(log) ? stripVTControlCharacters(readFileSync(log, "utf8")).split(/[\r\n]+/) : [];
  const lastLines = lines.filter((line) => line.trim() !== "").slice(-3);
  return lastLines.length > 0 ? lastLines.map((line) => line.trim()).join(" / ") : "nothing";
}
