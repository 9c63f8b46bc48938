import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/** `npm run status`. Node keeps what it has compiled of the command, which halves the start of the next run. */

enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/node", import.meta.url)));

await import("./commandLine.ts");
