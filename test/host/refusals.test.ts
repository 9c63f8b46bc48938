import { describe, expect, test } from "vitest";
import { peersSettings } from "../../components/vxlan/phases/peers.ts";
import { DEVICE_PHASE } from "./namespace.ts";
import {
  OVERLAY,
  PEER,
  RESOURCE,
  device,
  files,
  host,
  install,
  kernel,
  settingsOf,
  state,
  useHostForEachTest,
} from "./overlay.ts";

/** Settings that phase device refuses before it changes anything. */

useHostForEachTest();

describe("an IPv6 network", () => {
  const ipv6 = { settings: { cidrs: ["fd00:77::/64"] }, overlayAddresses: ["fd00:77::1"] };
  test("is refused on a NIC that is too small, by its true cause, before anything is changed", async () => {
    await install();
    const before = [...(await state()), await files()];
    await host.on("ip link set eth0 mtu 1300");
    const { exitCode, stderr } = await host.devicePhase(OVERLAY, settingsOf(ipv6));
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(
        /IPv6 needs 1280 bytes, and vxlan0 on \S+ would have 1250: eth0 carries 1300 .*: raise the MTU of eth0 to 1330/,
      ),
    ]);
    expect([...(await state()), await files()]).toEqual(before);
    // No MTU would do, so the configured one is not the reason.
    const { stderr: stderrWithMtu } = await host.devicePhase(
      OVERLAY,
      settingsOf({ ...ipv6, settings: { ...ipv6.settings, mtu: 8950 } }),
    );
    expect(stderrWithMtu).toContain("IPv6 needs 1280 bytes");
    expect([...(await state()), await files()]).toEqual(before);
  });

  test("gets a sufficient MTU while the list of peers is still one of a smaller MTU", async () => {
    const { installation } = await device({ settings: { mtu: 1250 } });
    const list = peersSettings(RESOURCE, { installation, mtu: 1250, peers: [PEER] });
    expect((await host.program(["peers", OVERLAY], list)).exitCode).toBe(0);
    const { exitCode, stderr } = await host.devicePhase(OVERLAY, settingsOf(ipv6));
    expect(exitCode, stderr).toBe(0);
    expect(await kernel()).toContain("inet6 fd00:77::1/64");
  });
});

describe("a network that the host needs elsewhere is refused by name, before anything is changed", () => {
  const network = () =>
    host.on("{ ip -o address; ip route show table all; } | grep -v fe80; nft list ruleset; ls /etc /var/lib");
  const refusalText = async (
    prelude: string,
    options: Parameters<typeof settingsOf>[0] = {},
    variable = "",
  ) => {
    await host.on(prelude);
    const before = await network();
    await host.on(`cat >/run/settings <<'END'\n${settingsOf(options)}END`);
    const output = await host.on(
      `${variable} ${DEVICE_PHASE} ${OVERLAY} </run/settings 2>&1 && echo accepted || true`,
    );
    expect(await network()).toBe(before);
    expect(output).toContain("Nothing was changed");
    return output;
  };
  const ipv6 = { settings: { cidrs: ["fd00:77::/64"] }, overlayAddresses: ["fd00:77::1"] };

  test("the SSH client", async () => {
    const output = await refusalText("", {}, 'SSH_CONNECTION="192.168.0.50 50000 10.196.218.222 22"');
    expect(output).toContain("192.168.0.1/24 overlaps 192.168.0.50, the SSH client that makes this change");
  });
  test("the SSH client, by IPv6", async () => {
    const output = await refusalText("", ipv6, 'SSH_CONNECTION="fd00:77:0:0::9 50000 fd00::1 22"');
    expect(output).toContain("fd00:77::1/64 overlaps fd00:77:0:0::9, the SSH client");
  });
  test("an address of another device", async () => {
    const output = await refusalText(
      "ip link add docker0 type bridge; ip address add 192.168.0.77/16 dev docker0; ip link set docker0 up",
    );
    expect(output).toContain("overlaps 192.168.0.77/16, an address of docker0");
  });
  test("a route, and its gateway", async () => {
    const output = await refusalText("ip route add 192.168.0.0/20 via 10.196.218.221 dev eth0");
    expect(output).toContain("overlaps 192.168.0.0/20, the route 192.168.0.0/20 via 10.196.218.221 by eth0");
  });
  test("the default gateway", async () => {
    const output = await refusalText(
      "ip route add 192.168.0.254 dev eth0; ip route add default via 192.168.0.254",
    );
    expect(output).toContain("overlaps 192.168.0.254, the gateway of default by eth0");
  });
  test("a name server", async () => {
    const output = await refusalText("echo nameserver 192.168.0.53 >/etc/resolv.conf");
    expect(output).toContain("overlaps 192.168.0.53, a name server");
  });
  test("a blackhole, and an IPv6 route", async () => {
    expect(await refusalText("ip route add blackhole 192.168.0.0/24")).toContain(
      "overlaps 192.168.0.0/24, the route",
    );
    await host.on("ip route del blackhole 192.168.0.0/24");
    await host.installProgram(); // A first phase that fails takes it along.
    expect(await refusalText("ip -6 route add fd00:77::/48 dev eth0", ipv6)).toContain(
      "overlaps fd00:77::/48, the route",
    );
    await host.on("ip -6 route del fd00:77::/48 dev eth0");
    await host.installProgram();
    const output = await refusalText("ip -6 route add fc00::/7 dev eth0", ipv6);
    expect(output).toContain("overlaps fc00::/7, the route");
    expect(output).toContain("for IPv6 a /64 of fd00::/8");
  });

  test("a default route, and the overlay's own network and routes, are no conflict", async () => {
    await host.on("ip route add 0.0.0.0/1 via 10.196.218.221; ip route add default via 10.196.218.221");
    await install();
    await host.on("ip route add 192.168.0.0/16 via 192.168.0.2 dev vxlan0");
    await device({ generation: 1 });
    await device({ generation: 1, settings: { device: "vxlan5" } });
    await device({ settings: { cidrs: ["192.168.0.0/20"] } });
    expect(await kernel()).toContain("192.168.0.1/20");
  });
});
