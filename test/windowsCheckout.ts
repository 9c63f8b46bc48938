import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Copies a file, or a folder with all that is in it, as a checkout on Windows has it: each line ends in CR LF. */
export function copyWithWindowsLineEnds(source: string, target: string): void {
  if (statSync(source).isDirectory()) {
    mkdirSync(target, { recursive: true });
    for (const name of readdirSync(source)) copyWithWindowsLineEnds(join(source, name), join(target, name));
    return;
  }
  mkdirSync(dirname(target), { recursive: true });
  const text = readFileSync(source, "utf8");
  writeFileSync(target, text.replaceAll(/\r?\n/g, "\r\n"), { mode: statSync(source).mode });
}
