import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parsePaths, pathInput } from "../../components/vxlan/connectivityTest/pathMtu.ts";
import { DEFAULT_IMAGE, hostImage } from "../../lab/hosts/images.ts";
import { NAMESPACE_PREFIX, openLab } from "../../lab/system/lab.ts";
import { silentProgress } from "../../lab/system/progress.ts";

/** A host, a router behind its NIC, and a network behind the router whose link has an MTU of 1,500 bytes. */
const [HOST, ROUTER, FAR] = ["path-host", "path-router", "path-far"].map((name) => NAMESPACE_PREFIX + name);
const LINKS = `
for name in ${HOST} ${ROUTER} ${FAR}; do ip netns add $name; ip -n $name link set lo up; done
ip -n ${HOST} link add eth0 mtu 9000 type veth peer name near mtu 9000 netns ${ROUTER}
ip -n ${ROUTER} link add far mtu 1500 type veth peer name eth0 mtu 1500 netns ${FAR}
for device in "${HOST} eth0 10.1.0.1/24" "${ROUTER} near 10.1.0.254/24" "${ROUTER} near 10.1.0.3/24" \
	"${ROUTER} far 10.2.0.254/24" "${FAR} eth0 10.2.0.1/24"; do
	set -- $device
	ip -n $1 address add $3 dev $2
	ip -n $1 link set $2 up
done
ip -n ${HOST} route add default via 10.1.0.254
ip -n ${FAR} route add default via 10.2.0.254
ip netns exec ${ROUTER} sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip netns exec ${ROUTER} nft 'add table ip fault; add chain ip fault input { type filter hook input priority 0; };
	add rule ip fault input ip daddr 10.1.0.3 meta length > 4001 drop'`;
const REMOVAL = `for name in ${HOST} ${ROUTER} ${FAR}; do ip netns del $name 2>/dev/null || true; done`;

describe("the path MTU to peers", () => {
  let root: string;
  beforeAll(async () => {
    root = await hostImage(openLab("main"), DEFAULT_IMAGE, silentProgress);
    await execa("sh", ["-ec", `${REMOVAL}\n${LINKS}`]);
  });
  afterAll(() => execa("sh", ["-ec", REMOVAL]));

  const host = { name: "host", mac: "", underlayAddress: "10.1.0.1", overlayAddresses: [] };
  const peersAt = (addresses: Record<string, string>) =>
    Object.entries(addresses).map(([name, underlayAddress]) => ({ ...host, name, underlayAddress }));
  const measure = async (addresses: Record<string, string>, mtu = 8950) => {
    const peers = peersAt(addresses);
    const { stdout, stderr } = await execa(
      "ip",
      ["netns", "exec", HOST ?? "", "chroot", root, "bash", "-s"],
      { input: pathInput(peers, mtu), timeout: 60_000 },
    );
    expect([stdout.split("\n").at(-1), stderr]).toEqual(["oci-vxlan paths measured", ""]);
    return Object.fromEntries(
      parsePaths(host, peers, stdout).map(({ to, bytes }) => [to.name, bytes] as const),
    );
  };

  test("is found where a hop says what it carries, and where one drops what is too large in silence", async () => {
    const paths = await measure({
      near: "10.1.0.254",
      far: "10.2.0.1",
      hole: "10.1.0.3",
      silent: "10.1.0.9",
    });
    expect(paths).toEqual({ far: 1500, hole: 4001 });
  });

  test("is enough where it is exactly what the overlay needs, and not for a byte more", async () => {
    expect(await measure({ hole: "10.1.0.3" }, 3951)).toEqual({});
    expect(await measure({ hole: "10.1.0.3" }, 3952)).toEqual({ hole: 4001 });
  });
});
