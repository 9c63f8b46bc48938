export { VxlanOverlay } from "./vxlanOverlay.ts";
export type { SshArgs, VerifyArgs, VxlanHostArgs, VxlanOverlayArgs } from "./vxlanOverlay.ts";
