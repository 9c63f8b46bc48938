/**
 * Size of the transfer that each host receives from one peer by TCP. It fills windows of full-sized segments: a broken
 * checksum offload lets the short banner of an sshd pass, and stops what is larger.
 */
export const TRANSFER_KIB = 256;
export const TRANSFER_BYTES = TRANSFER_KIB * 1024;

/** The command that the peer runs. */
export const TRANSFER_COMMAND = `head -c ${TRANSFER_BYTES} /dev/zero`;
