import { topologyOf } from "../../diagram/model.ts";
import type { Topology } from "../../diagram/model.ts";
import type { StackOutputs } from "../../diagram/outputs.ts";
import { parsePlan } from "../../stacks/load.ts";
import { committedEnvironment, KEY } from "./configProblems.ts";

/** A fleet of so many hosts, in up to three subnets, with some that existed before. */
export interface Fleet {
  hosts: number;
  subnets?: number;
  existing?: number;
}

const SUBNETS = ["front", "back", "db"];

/** The topology of a fleet that is up. */
export function fleetTopology(fleet: Fleet, change: (environment: any) => void = () => undefined): Topology {
  const environment = fleetEnvironment(fleet);
  change(environment);
  return topologyOf("fleet", parsePlan(environment), outputsOf(environment));
}

/** A fleet's environment: stack lab's with other hosts and subnets. */
function fleetEnvironment({ hosts, subnets = 1, existing = 0 }: Fleet): any {
  const environment = committedEnvironment("lab");
  const names = SUBNETS.slice(0, subnets);
  environment.network.vcn.cidr = "10.196.0.0/22";
  environment.network.subnets = Object.fromEntries(
    names.map((name, index) => [name, { cidr: `10.196.${index}.0/24`, private: index > 0 }]),
  );
  environment.hosts = Object.fromEntries(
    Array.from({ length: hosts }, (_, index) => {
      const subnet = Math.floor((index * subnets) / hosts);
      const underlay =
        index < hosts - existing
          ? { instance: { subnet: names[subnet], privateIp: `10.196.${subnet}.${index + 2}` } }
          : { existing: { underlayAddress: `172.20.0.${index + 2}`, hostKey: KEY } };
      return [
        `host${String(index + 1).padStart(2, "0")}`,
        { overlayAddresses: [`192.168.0.${index + 1}`], ...underlay },
      ];
    }),
  );
  return environment;
}

function outputsOf(environment: any): StackOutputs {
  const hosts = Object.entries<any>(environment.hosts);
  return {
    mtu: 8950,
    macs: Object.fromEntries(
      hosts.map(([name], index) => [name, `42:1f:3b:98:36:${(index + 16).toString(16)}`]),
    ),
    addresses: Object.fromEntries(
      hosts.flatMap(([name, { instance }], index) =>
        instance ? [[name, { privateIp: instance.privateIp, publicIp: `203.0.113.${index + 10}` }]] : [],
      ),
    ),
  };
}

/** How often a text stands in another one, on its own: 10.0.0.1 does not stand in 10.0.0.10. */
export const occurrences = (text: string, word: string): number =>
  text.match(new RegExp(`(?<![\\w.:])${word.replaceAll(".", "\\.")}(?![\\w.:])`, "g"))?.length ?? 0;
