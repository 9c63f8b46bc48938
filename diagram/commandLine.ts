import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readStatus } from "../status/readStatus.ts";
import { healthOf } from "./health.ts";
import { mermaidOf } from "./mermaid.ts";
import { topologyOf, withHealth } from "./model.ts";
import type { Topology } from "./model.ts";
import { CannotDraw, knownStacks, readOutputs, readPlan, ROOT, selectedStack } from "./stack.ts";
import { svgOf } from "./svg.ts";

/** The command line of `npm run diagram`, which docs/diagram.md describes. */

const HELP = `npm run diagram [-- OPTIONS]   draws a stack: hosts, subnets, Security List, and the overlay

  --stack NAME           the stack (default: the one that Pulumi has selected)
  --format svg|mermaid   svg: a picture for light and dark pages (default)
                         mermaid: text that GitHub draws in Markdown, between \`\`\`mermaid and \`\`\`
  --output FILE          where to write it (default: standard output; then run npm with -s)
  --planned              draw the config alone, also where the stack is up
  --status               ask the hosts, and colour them and their paths, with round-trip times
  --help                 this text

It ends with 0, or with 2 where it cannot draw.
`;

const OPTIONS = {
  stack: { type: "string" },
  format: { type: "string", default: "svg" },
  output: { type: "string" },
  planned: { type: "boolean", default: false },
  status: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

const FORMATS: Readonly<Record<string, (topology: Topology) => string | Promise<string>>> = {
  svg: svgOf,
  mermaid: mermaidOf,
};

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values;
  } catch (error) {
    throw new CannotDraw(`${(error as Error).message}\n\n${HELP}`);
  }
}

type Print = (text: string) => void;

/**
 * Draws a stack, and returns the exit code.
 *
 * @param print receives the picture where no file is named
 * @param log receives what is not part of the picture
 */
export async function runDiagram(argv: readonly string[], print: Print, log: Print): Promise<number> {
  try {
    await draw(argv, print, log);
    return 0;
  } catch (error) {
    log(`diagram: ${(error as Error).message}\n`);
    return 2;
  }
}

async function draw(argv: readonly string[], print: Print, log: Print): Promise<void> {
  const { stack: stackName, format, output, planned, status, help } = readArguments(argv);
  if (help) return print(HELP);
  const render = FORMATS[format];
  if (!render)
    throw new CannotDraw(`there is no format "${format}": use ${Object.keys(FORMATS).join(" or ")}.`);
  if (planned && status) throw new CannotDraw("--planned asks no host: leave out --status or --planned.");
  const stack = stackName ?? (await selectedStack());
  if (stack === undefined) throw new CannotDraw(`name a stack with --stack. ${knownStacks()}`);
  const topology = await readTopology(stack, planned, log);
  const text = await render(status ? await withStatus(topology) : topology);
  if (output === undefined) print(text);
  else writeFileSync(output, text);
}

async function readTopology(stack: string, planned: boolean, log: Print): Promise<Topology> {
  const environment = readPlan(stack);
  if (planned) return topologyOf(stack, environment);
  const result = await readOutputs(stack);
  if ("outputs" in result) return topologyOf(stack, environment, result.outputs);
  log(`diagram: drawn from the config, since ${result.reason}\n`);
  return topologyOf(stack, environment);
}

async function withStatus(topology: Topology): Promise<Topology> {
  const report = await readStatus({ stack: topology.stack, directory: ROOT });
  return withHealth(topology, healthOf(report));
}
