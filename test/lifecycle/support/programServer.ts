import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { ROOT } from "../../../lab/system/lab.ts";

/**
 * Runs the stack's program as often as an engine asks for it, in this one process, by the server that Pulumi's
 * Automation API has for programs of its own process. It prints its port.
 */

/** Pulumi's types leave it out. */
interface AutomationServer {
  LanguageServer: new (program: () => Promise<object>) => UntypedServiceImplementation;
}

/**
 * Where the SDK keeps what belongs to a run. It would look it up by the asynchronous context, which calls of the engine
 * to resource hooks have lost. Here one run ends before the next, so all of the process belongs to it.
 */
let runState: unknown;
Object.assign(globalThis, {
  asyncLocalStorage: {
    getStore: () => runState,
    run: (state: unknown, callback: () => unknown) => {
      runState = state;
      return callback();
    },
  },
});

const urlOf = (path: string) => pathToFileURL(join(ROOT, path)).href;
const OWN_FOLDERS = ["components/", "stacks/"].map(urlOf);

let runCount = 0;

// A module of another URL is another module. So each run has the product's own modules, as some keep values for a run.
registerHooks({
  resolve: (specifier, context, nextResolve) => {
    const { url, ...resolution } = nextResolve(specifier, context);
    const isOwn = OWN_FOLDERS.some((folder) => url.startsWith(folder));
    return { ...resolution, url: isOwn ? `${url}?run=${runCount}` : url };
  },
});

async function program(): Promise<object> {
  runCount += 1;
  return { ...((await import(urlOf("stacks/index.ts"))) as object) };
}

const { LanguageServer } =
  (await import("@pulumi/pulumi/automation/server.js")) as unknown as AutomationServer;
const { LanguageRuntimeService } = await import("@pulumi/pulumi/proto/language_grpc_pb.js");

const server = new Server();
server.addService(LanguageRuntimeService, new LanguageServer(program));
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.info(port);
});
