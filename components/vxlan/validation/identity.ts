import type { Problem } from "../problems.ts";

/**
 * Checks that an overlay's identity can name files and a unit on a host, and can stand in a command.
 *
 * @param overlay `<stack>.<name>`
 */
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
