/**
 * Is loaded into every Node process of a run by NODE_OPTIONS. In the stack's program, waits of four minutes and more end
 * six hundred times as fast.
 */

const { setTimeout: wait } = globalThis;

if (process.argv[1]?.includes("@pulumi/pulumi/cmd/run")) {
  globalThis.setTimeout = (callback, delay = 0, ...args) =>
    wait(callback, delay >= 240_000 ? delay / 600 : delay, ...args);
}
