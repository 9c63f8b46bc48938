import { devicePhase } from "../../components/vxlan/phases/device.ts";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import type { OverlaySettings } from "../../components/vxlan/settings.ts";
import type { StackResource } from "../../status/stackState.ts";

/** The resources of a made-up stack, as its state has them. */

export const IDENTITY = { overlay: "prod.overlay", owner: "oci-vxlan/prod/overlay" };
export const CIDRS = ["192.168.0.0/24", "fd00::/64"];
export const INSTALLATION = "01234567-89ab-4cde-8f01-23456789abcd";
export const OVERLAY_URN = "urn:pulumi:prod::oci-vxlan::oci-vxlan:index:VxlanOverlay::overlay";

const command = (name: string, inputs: object, outputs: object = {}): StackResource => ({
  urn: `urn:pulumi:prod::oci-vxlan::oci-vxlan:index:VxlanOverlay$command:remote:Command::${name}`,
  type: "command:remote:Command",
  parent: OVERLAY_URN,
  inputs: { ...inputs },
  outputs: { ...outputs },
});

/** The MAC of a host's device. */
export const macOf = (number: number) => `42:00:00:00:00:${number.toString(16).padStart(2, "0")}`;

/** The resources of a host, as its phases are in the state. */
export function hostResources(
  host: string,
  number: number,
  login: object = {},
  settings: Partial<OverlaySettings> = {},
): StackResource[] {
  const { create, stdin } = devicePhase(
    IDENTITY,
    "0123456789abcdef",
    withDefaults({ cidrs: CIDRS, vni: 77, overlayIngress: "none", ...settings }),
    { underlayAddress: `10.0.0.${number}`, overlayAddresses: [`192.168.0.${number}`, `fd00::${number}`] },
    { generation: 0 },
  );
  const connection = {
    host: `203.0.113.${number}`,
    port: 2200 + number,
    user: "opc",
    hostKey: "ssh-ed25519 AAAA",
    ...login,
  };
  const stdout = `oci-vxlan device mac=${macOf(number)} mtu=9000 installation=${INSTALLATION}`;
  const peers = peersSettings("0123456789abcdef", { installation: INSTALLATION, mtu: 8950, peers: [] });
  return [
    command(`overlay-${host}-device`, { connection, create, stdin }, { stdout }),
    command(`overlay-${host}-peers`, { connection, create, stdin: peers }),
  ];
}

export const overlayResource = (outputs: Record<string, unknown> = {}): StackResource => ({
  urn: OVERLAY_URN,
  type: "oci-vxlan:index:VxlanOverlay",
  inputs: {},
  outputs,
});
