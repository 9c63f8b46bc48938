import type { FleetHost } from "../fleet.ts";
import type { Recorder } from "../frame/rounds.ts";

/** What builds the overlay. */
export interface Tool {
  name: string;
  /** Brings hosts into the overlay or changes it, and takes others out. `record` gets figures about the run. */
  apply(
    hosts: readonly FleetHost[],
    vni: number,
    leaving?: readonly FleetHost[],
    record?: Recorder,
  ): Promise<void>;
  /** Shows what would change, where the tool can. */
  preview?(hosts: readonly FleetHost[], vni: number): Promise<void>;
  /** Removes all of it. */
  remove(hosts: readonly FleetHost[]): Promise<void>;
}
