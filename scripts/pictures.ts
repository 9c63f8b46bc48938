import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mermaidOf } from "../diagram/mermaid.ts";
import { topologyOf } from "../diagram/model.ts";
import { readPlan } from "../diagram/stack.ts";
import { svgOf } from "../diagram/svg.ts";

/** Writes the pictures of stack lab that README and docs/diagram.md show. Run it by `npm run docs`. */

const ROOT = join(import.meta.dirname, "..");
const PAGE = "docs/diagram.md";
const PICTURE = "docs/diagram/lab.svg";

/** The generated files by path, as they should be. */
export async function pictureFiles(): Promise<Record<string, string>> {
  const lab = topologyOf("lab", readPlan("lab"));
  const page = readFileSync(join(ROOT, PAGE), "utf8");
  const flowchart = `\`\`\`mermaid\n${mermaidOf(lab)}\`\`\``;
  return {
    [PICTURE]: await svgOf(lab),
    [PAGE]: page.replace(/```mermaid\n[^]*?```/, () => flowchart),
  };
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(await pictureFiles())) writeFileSync(join(ROOT, path), text);
}
