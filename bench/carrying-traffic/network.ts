import type { TrafficLab } from "./trafficLab.ts";

/** A network over the hosts that carries the traffic. */
export interface Network {
  /** With its version, and whether it encrypts, since it stands beside each figure. */
  name: string;
  isUserspacePeer: boolean;
  /** Sets it up on all hosts; its processes are started by the lab, which ends them. */
  start(lab: TrafficLab): Promise<void>;
  /** Removes what is no process. */
  stop?(lab: TrafficLab): Promise<void>;
  /** The address of the host with this index, from 0. */
  address(lab: TrafficLab, index: number): string;
  /** Largest packet in bytes that it carries whole. */
  mtu(nic: number): number;
}

/** Addresses of a network of its own: 10.30.NETWORK.HOST. */
export const addressIn = (network: number, index: number) => `10.30.${network}.${index + 1}`;
