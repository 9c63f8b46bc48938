import type { Problem } from "../problems.ts";
import type { OverlaySettings } from "../settings.ts";

const LARGEST_VNI = 2 ** 24 - 1;

/** Names that no device can have: `lo` exists, and the others name folders of /proc/sys/net. */
const RESERVED_NAMES = ["lo", "all", "default"];

/** Seconds. A shorter wait would undo good changes on a slow connection; a longer one would leave a host cut off. */
const CONFIRM_TIMEOUT = { shortest: 30, longest: 3600 } as const;

export function validateDevice(
  { device, vni, port }: OverlaySettings,
  at: (key: string) => string,
): Problem[] {
  const problems: Problem[] = [];
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,14}$/.test(device) || RESERVED_NAMES.includes(device)) {
    problems.push({
      path: at("device"),
      message: `"${device}" is no device name: use a letter, then letters, digits, "-" or "_", at most 15 in all, such as vxlan0 (${RESERVED_NAMES.join(", ")} are the kernel's).`,
    });
  }
  if (!Number.isInteger(vni) || vni < 1 || vni > LARGEST_VNI) {
    problems.push({
      path: at("vni"),
      message: `${vni} is no VNI: it has 24 bits, so use a whole number from 1 to ${LARGEST_VNI}.`,
    });
  }
  if (!isPort(port)) {
    problems.push({
      path: at("port"),
      message: `${port} is no UDP port: use 4789 (IANA's VXLAN port), 8472 (for peers set up by hand), or another from 1 to 65535.`,
    });
  }
  return problems;
}

export function validateChoices(
  { overlayIngress, hostFirewall, checksumOffload }: OverlaySettings,
  at: (key: string) => string,
): Problem[] {
  const problems: Problem[] = [];
  if (overlayIngress !== "all" && overlayIngress !== "none") {
    problems.push({
      path: at("overlayIngress"),
      message: `"${overlayIngress}" is neither "all" (hosts admit what arrives by the overlay) nor "none".`,
    });
  }
  if (hostFirewall !== "manage" && hostFirewall !== "leave") {
    problems.push({
      path: at("hostFirewall"),
      message: `"${hostFirewall}" is neither "manage" (the overlay is let through the host's firewall) nor "leave".`,
    });
  }
  if (checksumOffload !== "auto" && checksumOffload !== "off") {
    problems.push({
      path: at("checksumOffload"),
      message: `"${checksumOffload}" is neither "auto" (switched off on hosts that send wrong checksums) nor "off" (on all hosts).`,
    });
  }
  return problems;
}

export function validateConfirmTimeout({ confirmTimeout }: OverlaySettings, path: string): Problem[] {
  const { shortest, longest } = CONFIRM_TIMEOUT;
  if (Number.isInteger(confirmTimeout) && confirmTimeout >= shortest && confirmTimeout <= longest) return [];
  return [
    {
      path,
      message: `${confirmTimeout} is no time to wait for a new SSH session: use whole seconds from ${shortest} to ${longest}.`,
    },
  ];
}

export function validateVerifyPort({ verifyPort }: OverlaySettings, path: string): Problem[] {
  if (verifyPort === undefined || isPort(verifyPort)) return [];
  return [
    {
      path,
      message: `${verifyPort} is no TCP port: use the one that the hosts' sshd listens on, from 1 to 65535.`,
    },
  ];
}

const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65535;
