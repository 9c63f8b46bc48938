// `npm run lab`: installs what is missing, then runs lab/cli/main.ts. Plain JavaScript without dependencies, since it
// runs on the machine's own Node, before anything is installed.
import { fail, installMissing, node24, run } from "./bootstrap.mjs";
import { parseCommandLine } from "./commandLine.mjs";
import { HELP } from "./help.mjs";

const argv = process.argv.slice(2);

/** The command line; a wrong one is reported with the help, as a wrong verb is. */
function commandLine() {
  try {
    return parseCommandLine(argv);
  } catch (error) {
    process.stderr.write(`lab: ${/** @type {Error} */ (error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

const { noInstall, verb } = commandLine();
if (verb === "help") {
  process.stdout.write(HELP);
} else {
  if (process.platform !== "linux") {
    fail(
      "the lab needs Linux (network namespaces, kernel VXLAN, systemd-nspawn): run it in a Linux machine or VM.",
    );
  }
  if (process.getuid?.() !== 0)
    fail("the lab needs root (it makes network namespaces and boots hosts): run sudo npm run lab.");
  await installMissing({ only: noInstall ? "print" : "install", debian: true });
  process.exitCode = await run(node24(), ["lab/cli/main.ts", ...argv]);
}
