import * as pulumi from "@pulumi/pulumi";
import { OverlayEnvironment, VxlanOverlay } from "../../../../components/index.ts";
import type { EnvironmentHostArgs, VxlanHostArgs } from "../../../../components/index.ts";
import { loadEnvironment } from "../../../../stacks/load.ts";

/**
 * The overlay of the stack's config, between hosts that exist, as another component than the stack's own program has:
 * SHAPE says which, by which name, and below which parent.
 */

const { component, name, parent } = JSON.parse(process.env["SHAPE"] ?? "{}") as {
  component: "OverlayEnvironment" | "VxlanOverlay";
  name: string;
  parent?: string;
};
const environment = loadEnvironment();
const opts = parent === undefined ? {} : { parent: new pulumi.ComponentResource("test:index:Site", parent) };

const vxlanHost = ({ overlayAddresses, generation, existing }: EnvironmentHostArgs): VxlanHostArgs => {
  if (existing === undefined) throw new Error("this program is for existing hosts");
  const { underlayAddress, hostKey } = existing;
  return {
    overlayAddresses,
    generation,
    underlayAddress,
    ssh: { ...environment.ssh, host: underlayAddress, hostKey },
  };
};

const overlay =
  component === "OverlayEnvironment"
    ? new OverlayEnvironment(name, environment, opts)
    : new VxlanOverlay(
        name,
        {
          ...environment.overlay,
          hosts: Object.fromEntries(
            Object.entries(environment.hosts).map(([host, args]) => [host, vxlanHost(args)]),
          ),
        },
        opts,
      );

export const macs = overlay.macs;
