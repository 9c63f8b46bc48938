import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { checkCommand } from "../../components/vxlan/connectivityTest/syncCheck.ts";
import { parseDeviceReport, deviceSettings } from "../../components/vxlan/phases/device.ts";
import type { DeviceReport } from "../../components/vxlan/phases/device.ts";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import type { Peer } from "../../components/vxlan/plan.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";
import type { OverlaySettings } from "../../components/vxlan/settings.ts";
import type { ImageName } from "../../lab/hosts/images.ts";
import type { CommandResult } from "../../lab/system/commands.ts";
import { NamespaceHost } from "./namespace.ts";

/** The host of the test that runs. */
export let host: NamespaceHost;

async function makeHost(image?: ImageName): Promise<void> {
  host = await NamespaceHost.make(image);
}

/** Gives each test of a file a host of its own. */
export function useHostForEachTest(image?: ImageName): void {
  beforeEach(() => makeHost(image));
  afterEach(() => host.remove());
}

/** Gives the tests of a file one host. */
export function useHostForAllTests(): void {
  beforeAll(() => makeHost());
  afterAll(() => host.remove());
}

/** The overlay of most tests, on host01 of the reference environment, and two hosts that may be its peers. */
export const OVERLAY = "lab.overlay";
export const SECOND = "lab.second";
export const HOST = { underlayAddress: "10.196.218.222", overlayAddresses: ["192.168.0.1"] };
export const PEER: Peer = {
  name: "host02",
  mac: "5e:ee:f2:ab:43:f9",
  underlayAddress: "10.196.218.226",
  overlayAddresses: ["192.168.0.2"],
};
export const OTHER: Peer = {
  name: "host03",
  mac: "5e:ee:f2:ab:43:fa",
  underlayAddress: "10.196.218.230",
  overlayAddresses: ["192.168.0.3"],
};

/** Options of a device phase; each default is that of most tests. */
export interface DeviceOptions {
  overlay?: string;
  generation?: number;
  overlayAddresses?: string[];
  settings?: Partial<OverlaySettings>;
}

/** The digest of a Pulumi resource, as its phase writes it to the host. */
export const RESOURCE = "0123456789abcdef";

export const ownerOf = (overlay: string) => `oci-vxlan/lab/${overlay}`;

/**
 * The device settings. Paths are not probed, since the peers of most tests are not there. The second overlay has a
 * network of its own, since a host refuses one that it has already.
 */
export function settingsOf({
  overlay = OVERLAY,
  generation = 0,
  overlayAddresses,
  settings,
}: DeviceOptions = {}) {
  const network = overlay === SECOND ? "192.168.1" : "192.168.0";
  return deviceSettings(
    { overlay, owner: ownerOf(overlay) },
    RESOURCE,
    withDefaults({ cidrs: [`${network}.0/24`], pathProbes: false, ...settings }),
    { ...HOST, overlayAddresses: overlayAddresses ?? [`${network}.1`] },
    { generation },
  );
}

/** Runs the device phase, which must succeed, and returns its report. */
export async function device(options: DeviceOptions = {}): Promise<DeviceReport> {
  const result = await host.devicePhase(options.overlay ?? OVERLAY, settingsOf(options));
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.stdout.split("\n")).toHaveLength(1);
  return parseDeviceReport("host01", result.stdout);
}

/** Runs the peers phase, which must succeed. */
export async function peers(
  installation: string,
  list: Peer[] = [PEER],
  overlay = OVERLAY,
  mtu = 8950,
): Promise<void> {
  const result = await host.program(
    ["peers", overlay],
    peersSettings(RESOURCE, { installation, mtu, peers: list }),
  );
  expect(result.exitCode, result.stderr).toBe(0);
}

/** Both phases. */
export async function install(options: DeviceOptions = {}, list = [PEER]): Promise<DeviceReport> {
  const report = await device(options);
  await peers(report.installation, list, options.overlay);
  return report;
}

/**
 * The kernel's tables of a device, without link-local addresses and multicast neighbours, which the kernel adds itself.
 */
export function kernel(name = "vxlan0"): Promise<string> {
  return host.on(
    `{ ip -d -o link show ${name} | cut -d: -f2- | sed 's/ state UNKNOWN / state UP /'; ip -o address show dev ${name} | cut -d: -f2-; ` +
      `ip route show dev ${name}; ip -6 route show dev ${name} proto kernel; ` +
      `bridge fdb show dev ${name} | sort; ip neigh show dev ${name} | sort; } | grep -vE 'fe80:|ff02:'`,
  );
}

/** The word after a key in what ip says of a device, such as its MTU. */
export function linkWord(key: string, name = "vxlan0"): Promise<string> {
  return host.on(`ip -o link show dev ${name} | sed -n 's#.* ${key} \\([^ ]*\\).*#\\1#p'`);
}

/** Reconciles once, which must succeed, and returns its log. */
export async function reconcile(): Promise<string> {
  const result = await host.program(["reconcile", OVERLAY]);
  expect(result.exitCode, result.stderr).toBe(0);
  return result.stderr;
}

/** Runs the check at the end of `up`, which may fail. */
export function check(
  installation: string,
  list = [PEER],
  options: DeviceOptions = {},
): Promise<CommandResult> {
  return host.runSent(
    checkCommand(
      { overlay: OVERLAY, owner: ownerOf(OVERLAY) },
      {
        installation,
        deviceSettings: settingsOf(options),
        peersSettings: peersSettings(RESOURCE, { installation, mtu: 8950, peers: list }),
      },
    ),
  );
}

/** Removes an overlay, which must succeed. */
export async function remove(overlay = OVERLAY): Promise<void> {
  const result = await host.program(["remove-device", overlay, ownerOf(overlay), RESOURCE]);
  expect(result.exitCode, result.stderr).toBe(0);
}

/** Every file of the host that this program may write, with its time of change; state that a boot clears apart. */
export function files(): Promise<string> {
  return host.on(
    "find /etc /var/lib/oci-vxlan /usr/local -xdev -newer /etc/os-release -printf '%p %T@ %C@\\n' 2>/dev/null | sort || true",
  );
}

/**
 * The state of the overlay on the host: settings, kernel, firewall. Times of files are left out, since some files are
 * written back.
 */
export const state = async () => [
  await kernel().catch(() => "no device"),
  await host.on("cat /etc/oci-vxlan/*/* /var/lib/oci-vxlan/*/{mac,installation} 2>/dev/null || true"),
  await host.on(
    "nft list table ip oci-vxlan 2>/dev/null || true; ip -o link show type vxlan | cut -d: -f2 | grep -v other || true",
  ),
];
