import { runDiagram } from "./commandLine.ts";

process.exitCode = await runDiagram(
  process.argv.slice(2),
  (text) => process.stdout.write(text),
  (text) => process.stderr.write(text),
);
