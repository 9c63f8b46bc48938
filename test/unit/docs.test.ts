import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hostFiles } from "../../components/vxlan/phases/install.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Sections with texts of SSH, Pulumi, its plugins and Oracle's API. */
const FOREIGN_SECTIONS = [
  "Reaching a host, and starting a phase",
  "After a kill, a crash or a lost connection",
  "From Oracle's API",
  "From Object Storage",
];

/** The error texts that a page lists: code in the head of a list item, which ends in a backslash. */
function listedTexts(path: string): string[] {
  const page = readFileSync(join(ROOT, path), "utf8");
  const sections = page
    .split(/^#{2,4} /m)
    .filter((section) => !FOREIGN_SECTIONS.includes(section.split("\n")[0] ?? ""));
  const heads = sections.flatMap((section) => section.match(/^- [^\\]*?\\$/gm) ?? []);
  return heads.flatMap((head) => head.replaceAll(/\n +/g, " ").match(/`[^`]+`/g) ?? []);
}

/** All sources as one text, with strings that are written over several lines put together. */
function sourceText(): string {
  const files = globSync("{components,stacks,status,lab}/**/*", { cwd: ROOT, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && !/\.(md|ya?ml|sum)$/.test(file.name))
    .map((file) => readFileSync(join(file.parentPath, file.name), "utf8"))
    .join("\n")
    .replaceAll(/["`] \+\n *["`]/g, "")
    .replaceAll(/" \\\n\s*"/g, " ")
    .replaceAll('\\"', '"');
}

test.each(["docs/troubleshooting.md", "docs/oracle-cloud.md", "docs/reaching-hosts.md"])(
  "the code has every error text that %s lists",
  (path) => {
    const source = sourceText();
    const texts = listedTexts(path);
    const unknownTexts = texts.filter((text) =>
      text
        .slice(1, -1)
        .split("…")
        .some((part) => !source.includes(part.trim())),
    );
    expect(texts.length).toBeGreaterThan(5);
    expect(unknownTexts).toEqual([]);
  },
);

test("a host gets no more lines than CONTRIBUTING.md allows", () => {
  const page = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  const ceiling = Number(/ceiling is ([\d,]+) lines/.exec(page)?.[1]?.replaceAll(",", ""));
  const lines = hostFiles().flatMap(({ text }) => text.trimEnd().split("\n"));
  expect(lines.length, "shorten components/vxlan/host, or argue for a new ceiling").toBeLessThanOrEqual(
    ceiling,
  );
});
