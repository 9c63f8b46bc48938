import { attempt, until } from "../../lab/system/commands.ts";
import { inHost, insideOf, plain } from "../../lab/hosts/hosts.ts";
import type { Inventory } from "../../lab/hosts/hosts.ts";
import type { ImageName } from "../../lab/hosts/images.ts";
import { proveAll } from "../../lab/cli/connectivityTest.ts";
import { TestEnvironment } from "./environment.ts";

/** What the tests of an overlay that has to last share: a fleet of three on one image, and ways to look at it. */

export const HOSTS = ["alpha", "beta", "gamma"] as const;
export type Host = (typeof HOSTS)[number];

/** A host's address inside the overlay. */
export const overlayAddress = (host: Host) => `192.168.0.${HOSTS.indexOf(host) + 1}`;

/** Three hosts of one subnet, whose NICs are not called eth0. */
export const fleet = (image: ImageName): Inventory =>
  Object.fromEntries(
    HOSTS.map((host, index) => [
      host,
      { address: `10.196.219.${index + 2}/24`, mac: `02:00:17:00:01:0${index + 1}`, nic: "ens3", image },
    ]),
  );

export class Fleet {
  readonly env: TestEnvironment;
  /** MAC of vxlan0 by host, once `up` has made it. */
  macs: Record<string, string> = {};

  private constructor(env: TestEnvironment) {
    this.env = env;
  }

  static async boot(subject: string, image: ImageName): Promise<Fleet> {
    return new Fleet(await TestEnvironment.boot(`${subject}-${image}`, fleet(image)));
  }

  on(host: Host, script: string): Promise<string> {
    return this.env.on(host, script);
  }

  underlay(host: Host): string {
    return plain(this.env.inventory[host]?.address ?? "");
  }

  /** Runs a Python program on a host. */
  python(host: Host, program: string, ...args: string[]): Promise<string> {
    return inHost(this.env.lab, host, ["python3", "-c", program, ...args]);
  }

  /** Whether a host gets an answer from another over the overlay, or from any address in it, within some seconds. */
  async reaches(host: Host, address: string, seconds = 1): Promise<boolean> {
    const ping = ["ping", "-n", "-c", "1", "-W", String(seconds), address];
    return (await attempt(["nsenter", ...insideOf(this.env.lab, host), ...ping])).exitCode === 0;
  }

  /** The pairs between which the overlay's proof does not pass, with what fails; gamma has no part in the second overlay. */
  async failing(): Promise<string[]> {
    const { proofs } = await proveAll(this.env.lab, HOSTS);
    return proofs
      .filter(({ failure }) => failure !== undefined && !failure.includes("has no vxlan1"))
      .map(({ from, to, failure }) => `${from} -> ${to}: ${failure}`);
  }

  /**
   * What the kernel holds of the overlay on a host: device, addresses, FDB and permanent neighbours. Left out are
   * the number of the device, which is another one whenever the device was made again, and its link-local address,
   * which the kernel makes by itself and checks for a second.
   */
  kernel(host: Host): Promise<string> {
    return this.on(
      host,
      "d=vxlan0; { ip -d -o link show $d; ip -o address show $d scope global; } | sed 's/^[0-9]*: //' && " +
        "{ bridge fdb show dev $d; ip neigh show dev $d nud permanent; } | sort",
    ).catch((error: unknown) => `cannot be read: ${(error as Error).message}`);
  }

  /** What a host's firewalls hold, however they are kept. */
  firewall(host: Host): Promise<string> {
    return this.on(
      host,
      "nft -s list table ip oci-vxlan; iptables -S; ip6tables -S; " +
        "if command -v firewall-cmd >/dev/null; then firewall-cmd --list-all; firewall-cmd --zone=trusted --list-all; fi",
    ).catch((error: unknown) => `cannot be read: ${(error as Error).message}`);
  }

  /**
   * Breaks something, and waits until the host has said that it mended something, and is as it was before. By when it was
   * mended the host's journal says, since looking takes its time. Another try is given to a machine that was busy.
   *
   * @param limit milliseconds that mending may take
   */
  async mends(
    host: Host,
    look: "kernel" | "firewall",
    limit: number,
    breaking: () => Promise<unknown>,
  ): Promise<void> {
    let [taken, journal] = [Infinity, ""];
    for (let tries = 0; tries < 3 && !(taken <= limit); tries++)
      ({ taken, journal } = await this.mended(host, look, limit, breaking));
    if (!(taken <= limit))
      throw new Error(`mending on ${host} took ${taken} ms three times; it said:\n${journal}`);
  }

  private async mended(
    host: Host,
    look: "kernel" | "firewall",
    limit: number,
    breaking: () => Promise<unknown>,
  ) {
    const before = await this[look](host);
    const said = (await this.said(host)).length;
    await breaking();
    const since = Date.now();
    let [now, lines] = ["", [] as string[]];
    const isMended = async () => {
      now = await this[look](host);
      lines = (await this.said(host)).slice(said);
      return now === before && lines.length > 0;
    };
    await until(`mending on ${host}`, limit + 10_000, isMended).catch((error: unknown) => {
      throw new Error(
        `${(error as Error).message}.\nbefore:\n${before}\nnow:\n${now}\nit said:\n${lines.join("\n")}`,
        { cause: error },
      );
    });
    // Hosts share this machine's clock.
    return { taken: Number(lines.at(-1)?.split(" ")[0]) * 1_000 - since, journal: lines.join("\n") };
  }

  /** What the overlay's program has said in the journal of a host, a line each, behind the seconds since the epoch. */
  async said(host: Host): Promise<string[]> {
    const journalctl = "journalctl --no-pager --output=short-unix --unit='oci-vxlan@lab.overlay'";
    return (await this.on(host, `journalctl --sync; ${journalctl} | grep -v '^-- '`)).split("\n");
  }
}
