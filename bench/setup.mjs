// `npm run bench`: installs what is missing, fills the lab's caches, then hands over to bench/main.ts. Plain JavaScript
// without dependencies, since it runs on any Node from 20 on, before anything is installed.
import { fail, installMissing, node24, run } from "../lab/setup/bootstrap.mjs";

const args = process.argv.slice(2);
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

/** What bench "carrying-traffic" runs in the hosts' networks. */
const TRAFFIC_TOOLS = [
  { tool: "iperf3", package: "iperf3", why: "measuring traffic" },
  { tool: "wg", package: "wireguard-tools", why: "setting wireguard-go up" },
  { tool: "tincd", package: "tinc", why: "comparing traffic" },
  { tool: "openvpn", package: "openvpn", why: "comparing traffic" },
  { tool: "edge", package: "n2n", why: "comparing traffic" },
];

const measuresTraffic = args.includes("all") || args.includes("carrying-traffic");
await installMissing({ only: "install", debian: isRoot }, measuresTraffic ? TRAFFIC_TOOLS : []);
const bootsHosts = args.some((arg) => /^[a-z]/.test(arg) && arg !== "state");
if (bootsHosts) {
  if (!isRoot) fail("the benches need root on Linux, since they boot hosts: run sudo npm run bench.");
  const prepared = await run(node24(), ["lab/cli/main.ts", "prepare"]);
  if (prepared !== 0) process.exit(prepared);
}
process.exitCode = await run(node24(), ["bench/main.ts", ...args]);
