// `npm run lab`: installs what is missing, then hands over to lab/cli/main.ts. Plain JavaScript without
// dependencies, since it runs on whatever Node the machine has, before anything is installed.
import { HELP } from "./help.mjs";
import { fail, installMissing, node24, run } from "./bootstrap.mjs";

const given = process.argv.slice(2);
const args = given.filter((arg) => arg !== "--no-install");

if (["help", "--help", "-h"].includes(args[0] ?? "")) {
  process.stdout.write(HELP);
} else {
  if (process.platform !== "linux") {
    fail(
      "the lab needs Linux (network namespaces, kernel VXLAN, systemd-nspawn): run it in a Linux machine or VM.",
    );
  }
  if (process.getuid?.() !== 0)
    fail("the lab needs root (it makes network namespaces and boots hosts): run sudo npm run lab.");
  await installMissing({ only: given.includes("--no-install") ? "print" : "install", debian: true });
  process.exitCode = await run(node24(), ["lab/cli/main.ts", ...args]);
}
