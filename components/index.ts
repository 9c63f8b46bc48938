export { VxlanOverlay } from "./vxlanOverlay.ts";
export type { SshArgs, VxlanHostArgs, VxlanOverlayArgs } from "./vxlanOverlay.ts";
