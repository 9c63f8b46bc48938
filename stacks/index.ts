import { OverlayEnvironment } from "../components/index.ts";
import type { EnvironmentHostArgs, OverlayEnvironmentArgs } from "../components/index.ts";
import type { Environment } from "./config.ts";
import { loadSettings } from "./load.ts";

/** The program of every stack: an environment is its config file and nothing else. */

const { environment, hosts, privateKey, privateKeyPassphrase } = loadSettings();
const { user, port } = environment.ssh;

const built = new OverlayEnvironment("overlay", {
  ...environment,
  ssh: { user, port, privateKey, privateKeyPassphrase },
  hosts,
});

/** MAC of the VXLAN device on each host. */
export const macs = built.macs;
/** MTU of the VXLAN device in bytes. */
export const mtu = built.mtu;
/** What was last seen to pass between all hosts, and when. */
export const lastVerified = built.lastVerified;
/** OCID, private and public address of each host that the stack provisions. */
export const addresses = built.addresses;

/** Keys of the one type that the other has not, at any depth. */
type Unknown<Given, Taken> = Given extends readonly (infer G)[]
  ? Taken extends readonly (infer T)[]
    ? Unknown<G, T>
    : never
  : Given extends object
    ? {
        [K in keyof Given]-?: K extends keyof Taken
          ? Unknown<NonNullable<Given[K]>, NonNullable<Taken[K]>>
          : K;
      }[keyof Given]
    : never;

/** Does not compile where a config may have a key that the components would pass over in silence. */
type Passed = Omit<Environment, "ssh" | "hosts"> & {
  instance: NonNullable<Environment["hosts"][string]["instance"]>;
};
type Taken = OverlayEnvironmentArgs & { instance: NonNullable<EnvironmentHostArgs["instance"]> };
({}) satisfies Record<Unknown<Passed, Taken>, never>;
