/** What a host says about its VXLAN device once it is up. */
export interface DeviceReport {
  /** The MAC that the kernel has on the device: lower case, colon-separated. */
  mac: string;
  /** MTU in bytes of the NIC that carries the underlay address. */
  underlayMtu: number;
  /** Random id that was made together with the host-side state, new whenever the host is installed anew. */
  installation: string;
}

const LINE = /^oci-vxlan device mac=(\S+) mtu=(\d+) installation=(\S+)$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/**
 * Reads the line that the device phase prints. It is strict on purpose: a login banner or a shell's greeting
 * on stdout must never end up as a MAC in a peer's tables.
 *
 * @throws when the output holds no such line, or more than one, or one that cannot be true
 */
export function parseDeviceReport(host: string, stdout: string): DeviceReport {
  const lines = stdout.split("\n").flatMap((line) => {
    const match = LINE.exec(line.trim());
    return match ? [match] : [];
  });
  const [line, another] = lines;
  if (!line || another) {
    throw new Error(
      `${host}: expected one line "oci-vxlan device mac=… mtu=… installation=…" from its device phase, got ${lines.length} ` +
        `in ${JSON.stringify(stdout.slice(0, 200))}. Make sure that nothing on the host replaces sudo or bash for this user.`,
    );
  }
  const [, mac = "", mtu = "", installation = ""] = line;
  if (!MAC.test(mac) || isMulticast(mac) || mac === "00:00:00:00:00:00") {
    throw new Error(
      `${host}: "${mac}" is no MAC that a device can have. Look at "ip link show" on the host.`,
    );
  }
  return { mac, underlayMtu: Number(mtu), installation };
}

/** The lowest bit of the first octet marks a group address. */
function isMulticast(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
