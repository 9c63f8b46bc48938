import { accessEnvironment } from "../../cloud/access.ts";
import { asOperator } from "../../pulumi/operator.ts";
import { attempt } from "../../system/commands.ts";
import type { CommandResult } from "../../system/commands.ts";
import type { Lab } from "../../system/lab.ts";
import { KEEP_COMPILED, pythonTool } from "./pythonTool.ts";

const VERSION = "3.95.1";

/** Installs Oracle's command line, and returns a function that runs it in the operator's namespace, once the cloud runs. */
export async function ociCli(lab: Lab): Promise<(...args: string[]) => Promise<CommandResult>> {
  const oci = await pythonTool(lab.cache, "oci-cli", VERSION, "oci");
  return (...args) =>
    attempt(asOperator(lab, [oci, ...args]), {
      env: { ...accessEnvironment(lab), ...KEEP_COMPILED },
      timeout: 120_000,
    });
}
