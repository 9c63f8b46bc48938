import * as pulumi from "@pulumi/pulumi";
import { OverlayEnvironment, VxlanOverlay } from "../../../../components/index.ts";
import type { EnvironmentHostArgs, VxlanHostArgs } from "../../../../components/index.ts";
import { loadEnvironment } from "../../../../stacks/load.ts";

/**
 * Builds the overlay of the stack's config, between existing hosts, as another component than the stack's own program.
 * OVERLAY_COMPONENT holds the component's class, its name, and optionally the name of its parent, as JSON.
 */

const { component, name, parent } = JSON.parse(process.env["OVERLAY_COMPONENT"] ?? "{}") as {
  component: "OverlayEnvironment" | "VxlanOverlay";
  name: string;
  parent?: string;
};
const environment = await loadEnvironment();
const opts = parent === undefined ? {} : { parent: new pulumi.ComponentResource("test:index:Site", parent) };

const vxlanHost = ({ overlayAddresses, generation, existing }: EnvironmentHostArgs): VxlanHostArgs => {
  if (existing === undefined) throw new Error("this program takes only existing hosts");
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
