import ssh2 from "ssh2";
import * as pulumi from "@pulumi/pulumi";
import { environmentOf, fleet } from "../fleet.ts";
import type { HostKind } from "../fleet.ts";
import { countState } from "./deployment.ts";
import { MockedState } from "./mockedState.ts";

/**
 * Runs the stack's own program for a fleet, in a process of its own, and prints what its state would hold and what the
 * program has taken, as JSON.
 *
 *   node program.ts SIZE existing|instance
 */

const [size = "", kind = ""] = process.argv.slice(2);

/** ssh2 now and then generates a key that it cannot read. */
function keyPair(): { private: string; public: string } {
  const pair = ssh2.utils.generateKeyPairSync("ed25519");
  return ssh2.utils.parseKey(pair.private) instanceof Error ? keyPair() : pair;
}

const keys = keyPair();
const environment = environmentOf(fleet(Number(size)), {
  kind: kind as HostKind,
  hostKey: () => ({ hostKey: keys.public.trim() }),
}) as { ssh: object };
environment.ssh = { user: "opc" };
pulumi.runtime.setAllConfig({
  "oci-vxlan:environment": JSON.stringify(environment),
  "oci-vxlan:sshPrivateKey": keys.private,
  "oci:region": "eu-frankfurt-1",
});
const state = new MockedState();
await state.install();

const [start, cpu] = [performance.now(), process.cpuUsage()];
await import("../../stacks/index.ts");
await (pulumi.runtime as unknown as { waitForRPCs(): Promise<void> }).waitForRPCs();
const { user, system } = process.cpuUsage(cpu);
const usage = {
  seconds: (performance.now() - start) / 1_000,
  cpuSeconds: (user + system) / 1e6,
  peakBytes: process.resourceUsage().maxRSS * 1024,
};
process.stdout.write(`${JSON.stringify({ ...usage, ...countState(state.toResources()) })}\n`);
process.exit(0);
