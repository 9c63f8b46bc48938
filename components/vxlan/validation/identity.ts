import type { Problem } from "../problems.ts";

/** Whether stack and component can name an overlay's files and unit on a host, and stand in a command there. */
export function validateIdentity(overlay: string): Problem[] {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/.test(overlay)) return [];
  return [
    {
      path: "<stack>.<name>",
      message:
        `"${overlay}" names files on the hosts: begin with a letter or digit, go on with letters, digits, ".", "_" or "-", ` +
        `and use at most 101 characters. Rename the stack or the component.`,
    },
  ];
}
