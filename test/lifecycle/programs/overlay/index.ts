import * as pulumi from "@pulumi/pulumi";
import { OverlayEnvironment, VxlanOverlay } from "../../../../components/index.ts";
import type { EnvironmentHostArgs, VxlanHostArgs } from "../../../../components/index.ts";
import { loadEnvironment } from "../../../../stacks/load.ts";

/**
 * Builds overlays between the existing hosts of the stack's config, by other components than the stack's own program.
 * OVERLAY_COMPONENTS holds for each the component's class and name, and optionally the name of its parent, as JSON. The
 * first one is that of the config, and a second one has a device, a VNI and a network of its own.
 */

interface ComponentArgs {
  component: "OverlayEnvironment" | "VxlanOverlay";
  name: string;
  parent?: string;
  isSecond?: boolean;
}

const components = JSON.parse(process.env["OVERLAY_COMPONENTS"] ?? "[]") as ComponentArgs[];
const environment = await loadEnvironment();

const inSecondNetwork = (address: string) => address.replace(/^192\.168\.0\./, "192.168.7.");

function vxlanHost(
  { overlayAddresses, generation, existing }: EnvironmentHostArgs,
  isSecond: boolean,
): VxlanHostArgs {
  if (existing === undefined) throw new Error("this program takes only existing hosts");
  const { underlayAddress, hostKey } = existing;
  return {
    overlayAddresses: isSecond ? overlayAddresses.map(inSecondNetwork) : overlayAddresses,
    generation,
    underlayAddress,
    ssh: { ...environment.ssh, host: underlayAddress, hostKey },
  };
}

function vxlanOverlay(name: string, isSecond: boolean, opts: pulumi.ComponentResourceOptions): VxlanOverlay {
  const hosts = Object.entries(environment.hosts).map(([host, args]) => [host, vxlanHost(args, isSecond)]);
  const secondSettings = { cidrs: ["192.168.7.0/24"], device: "vxlan1", vni: 200 };
  const args = { ...environment.overlay, ...(isSecond && secondSettings), hosts: Object.fromEntries(hosts) };
  return new VxlanOverlay(name, args, opts);
}

for (const { component, name, parent, isSecond = false } of components) {
  const opts =
    parent === undefined ? {} : { parent: new pulumi.ComponentResource("test:index:Site", parent) };
  if (component === "VxlanOverlay") vxlanOverlay(name, isSecond, opts);
  else new OverlayEnvironment(name, environment, opts);
}
