import { parseArgs } from "node:util";

/** The options of `npm run lab`. They come before the verb; what follows the verb belongs to the verb. */
const OPTIONS = /** @type {const} */ ({
  "no-install": { type: "boolean", default: false },
  stack: { type: "string", default: "lab" },
  help: { type: "boolean", short: "h", default: false },
});

/**
 * Splits a command line of `npm run lab`, for example `--stack lab-existing ssh host01 ls -l`.
 *
 * @param {readonly string[]} argv
 * @throws TypeError for an unknown option, or one without its value
 */
export function parseCommandLine(argv) {
  const { tokens } = parseArgs({ args: [...argv], options: OPTIONS, strict: false, tokens: true });
  const verbIndex = tokens.find(({ kind }) => kind === "positional")?.index ?? argv.length;
  const { values } = parseArgs({ args: argv.slice(0, verbIndex), options: OPTIONS });
  const [verb = values.help ? "help" : "up", ...args] = argv.slice(verbIndex);
  return { noInstall: values["no-install"], stack: values.stack, verb, args };
}
