/**
 * Is loaded into every Node process of a run by NODE_OPTIONS. In the stack's program, waits of four minutes and more end
 * six hundred times as fast, and `Date.now` says then that the whole time has passed.
 */

const { setTimeout: wait } = globalThis;
const { now } = Date;

if (process.argv[1]?.includes("@pulumi/pulumi/cmd/run")) {
  let skipped = 0;
  Date.now = () => now() + skipped;
  globalThis.setTimeout = (callback, delay = 0, ...args) => {
    if (delay < 240_000) return wait(callback, delay, ...args);
    const end = Date.now() + delay;
    return wait(() => {
      skipped = Math.max(skipped, end - now());
      callback(...args);
    }, delay / 600);
  };
}
