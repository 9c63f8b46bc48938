import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

/** Sections whose texts are those of SSH, Pulumi and its plugins. */
const OTHERS_TEXTS = ["Reaching a host, and starting a phase", "After a kill, a crash or a lost connection"];

/** The error texts that troubleshooting.md lists: code in the first line of a list item, which ends in a backslash. */
function listedTexts(): string[] {
  const page = readFileSync(join(ROOT, "docs/troubleshooting.md"), "utf8");
  const sections = page
    .split(/^#{2,4} /m)
    .filter((section) => !OTHERS_TEXTS.includes(section.split("\n")[0] ?? ""));
  const heads = sections.flatMap((section) => section.match(/^- [^\\]*?\\$/gm) ?? []);
  return heads.flatMap((head) => head.replaceAll(/\n +/g, " ").match(/`[^`]+`/g) ?? []);
}

/** All sources as one text, with strings that are written over several lines put together. */
function sourceText(): string {
  const files = globSync("{components,stacks,lab}/**/*", { cwd: ROOT, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && !/\.(md|ya?ml|sum)$/.test(file.name))
    .map((file) => readFileSync(join(file.parentPath, file.name), "utf8"))
    .join("\n")
    .replaceAll(/["`] \+\n *["`]/g, "")
    .replaceAll(/" \\\n\s*"/g, " ")
    .replaceAll('\\"', '"');
}

test("every error text in troubleshooting.md is one that the code has", () => {
  const source = sourceText();
  const texts = listedTexts();
  const unknown = texts.filter((text) =>
    text
      .slice(1, -1)
      .split("…")
      .some((part) => !source.includes(part.trim())),
  );
  expect(texts.length).toBeGreaterThan(80);
  expect(unknown).toEqual([]);
});
