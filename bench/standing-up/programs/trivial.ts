import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { FleetHost } from "../../fleet.ts";

/**
 * As many Commands as the overlay has, two a host, which do nothing, with nothing between them. BENCH_HOSTS lists the
 * hosts.
 */

const keys = join(import.meta.dirname, "../../../.lab/keys");
const read = (file: string) => readFileSync(join(keys, file), "utf8").trim();
const hosts = JSON.parse(process.env["BENCH_HOSTS"] ?? "[]") as FleetHost[];

for (const { name, underlay } of hosts) {
  const connection = pulumi.secret({
    host: underlay,
    user: "opc",
    privateKey: `${read("opc_ed25519")}\n`,
    hostKey: read(`${name}_host_ed25519.pub`),
    dialErrorLimit: 9,
    perDialTimeout: 8,
  });
  for (const phase of ["first", "second"])
    new command.remote.Command(`${name}-${phase}`, { connection, create: "true", delete: "true" });
}
