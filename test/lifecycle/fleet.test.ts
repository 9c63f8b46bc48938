import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inventory } from "../../lab/hosts/hosts.ts";
import { inNetwork } from "../../lab/network/network.ts";
import { TestEnvironment } from "./environment.ts";

/** Three hosts by config alone: two share a subnet, one is in a /30 of its own, and no NIC is called eth0. */
const THREE: Inventory = {
  alpha: { address: "10.196.219.2/24", mac: "02:00:17:00:00:01", nic: "ens3" },
  beta: { address: "10.196.219.3/24", mac: "02:00:17:00:00:02", nic: "enp0s6" },
  gamma: { address: "10.196.218.222/30", mac: "02:00:17:00:00:03", nic: "ens3" },
};

describe("a fleet of three", () => {
  let env: TestEnvironment;
  beforeAll(async () => {
    env = await TestEnvironment.boot("test-fleet", THREE);
  });
  afterAll(() => env.remove());

  const two = () => env.config((e) => delete e.hosts.gamma);

  test("starts as two", async () => {
    const { exitCode, text, counts } = await env.up(two());
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ created: 7 });
  });

  test("gains a third, whose coming updates the others' peers, and nothing else of theirs", async () => {
    const { exitCode, text, counts } = await env.up();
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ created: 2, updated: 2, unchanged: 5 });
    const proofs = await env.prove();
    expect(proofs).toHaveLength(6);
    expect(proofs.filter(({ failure }) => failure !== undefined)).toEqual([]);
  });

  test("loses it again, with every entry that named it", async () => {
    const macs = (await env.outputs()).macs;
    const { exitCode, text, counts } = await env.up(two());
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ updated: 2, deleted: 2, unchanged: 5 });
    for (const host of ["alpha", "beta"]) {
      expect(await env.tables(host)).not.toContain(macs.gamma);
      expect(await env.tables(host)).not.toContain("10.196.218.222");
    }
    expect(await env.on("gamma", "ip -o link show type vxlan; ls /etc/oci-vxlan 2>/dev/null || true")).toBe(
      "",
    );
    expect(await env.failing()).toEqual([]);
  });

  test("loses it when it is gone for good: up fails with what takes it out of the state, and then goes on", async () => {
    expect((await env.up()).exitCode).toBe(0);
    const router = env.lab.namespace("router");
    const cut =
      "nft add table inet cut; nft 'add chain inet cut c { type filter hook forward priority -10; }'; nft add rule inet cut c ip daddr 10.196.218.222 reject";
    await inNetwork(router, cut);
    const failed = await env.up(two());
    expect(failed.exitCode).not.toBe(0);
    const [, advice = ""] = /^ +pulumi (state delete .*)$/m.exec(failed.text) ?? [];
    const forgotten = await env.pulumi(advice.replaceAll("'", "").split(" "), two());
    expect(forgotten.exitCode, forgotten.text).toBe(0);
    const { exitCode, text, counts } = await env.up(two());
    expect(exitCode, text).toBe(0);
    expect(counts).toEqual({ unchanged: 7 });
    await inNetwork(router, "nft delete table inet cut");
  });

  test("one host at a time is enough: --parallel 1", async () => {
    const { exitCode, text } = await env.pulumi(["up", "--yes", "--skip-preview", "--parallel", "1"]);
    expect(exitCode, text).toBe(0);
    expect(await env.failing()).toEqual([]);
    const destroyed = await env.pulumi(["destroy", "--yes", "--skip-preview", "--parallel", "1"]);
    expect(destroyed.exitCode, destroyed.text).toBe(0);
  });
});
