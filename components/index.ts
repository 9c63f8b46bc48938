export { HostNetwork } from "./hostNetwork.ts";
export type { HostNetworkArgs, NetworkArgs, SecurityListArgs, SubnetArgs, VcnArgs } from "./hostNetwork.ts";
export { OverlayEnvironment } from "./overlayEnvironment.ts";
export type {
  EnvironmentHostArgs,
  EnvironmentLoginArgs,
  ExistingHostArgs,
  HostAddresses,
  OverlayEnvironmentArgs,
  ProvisionedHostArgs,
} from "./overlayEnvironment.ts";
export { OverlayHost } from "./overlayHost.ts";
export type { ImageArgs, InstanceArgs, OverlayHostArgs } from "./overlayHostArguments.ts";
export type { JumpHostArgs, LoginArgs, SshArgs } from "./remoteCommand.ts";
export { RELEASE } from "./vxlan/release.ts";
export { VxlanOverlay } from "./vxlanOverlay.ts";
export type { OverlayArgs, VxlanHostArgs, VxlanOverlayArgs } from "./overlayArguments.ts";
export type { SecurityRule } from "./oci/securityRules.ts";
