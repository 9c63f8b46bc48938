import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { PATH_COMMAND, pathInput } from "../../components/vxlan/connectivityTest/pathMtu.ts";
import { PROBE_COMMAND, probeInput } from "../../components/vxlan/connectivityTest/probe.ts";
import type { ProbeEffort } from "../../components/vxlan/connectivityTest/probe.ts";
import { until } from "../../lab/system/commands.ts";
import { DEFAULT_IMAGE, hostImage } from "../../lab/hosts/images.ts";
import { NAMESPACE_PREFIX, openLab } from "../../lab/system/lab.ts";
import { silentProgress } from "../../lab/system/progress.ts";
import { NamespaceHost } from "./namespace.ts";

const NAMESPACE = `${NAMESPACE_PREFIX}probe`;
const PEERS = 1_000;
/**
 * Answers with a banner as sshd does, at every address of the loopback device; at port 23 hangs up on every third, as
 * one does that many call at once.
 */
const SSHD = `
import socketserver, threading
class Banner(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(b"SSH-2.0-test\\r\\n")
socketserver.ThreadingTCPServer.request_queue_size = 256
class Busy(socketserver.BaseRequestHandler):
    calls = 0
    def handle(self):
        Busy.calls += 1
        if Busy.calls % 3: self.request.sendall(b"SSH-2.0-test\\r\\n")
busy = socketserver.ThreadingTCPServer(("", 23), Busy)
threading.Thread(target=busy.serve_forever, daemon=True).start()
socketserver.ThreadingTCPServer(("", 22), Banner).serve_forever()
`;

/** The probes of one host towards a thousand peers, which are addresses of a loopback device here. */
describe("probing a thousand peers", () => {
  let listener: ReturnType<typeof execa>;
  /** Where the probes find the tools of a host: this machine may have no ping. */
  let root: string;
  const inside = (...argv: string[]) => ["netns", "exec", NAMESPACE, ...argv];

  beforeAll(async () => {
    root = await hostImage(openLab("main"), DEFAULT_IMAGE, silentProgress);
    await execa("ip", ["netns", "del", NAMESPACE], { reject: false });
    await execa("ip", ["netns", "add", NAMESPACE]);
    await execa("ip", ["-n", NAMESPACE, "link", "set", "lo", "up"]);
    await execa("ip", ["-n", NAMESPACE, "route", "add", "unreachable", "10.9.0.0/16"]);
    listener = execa("ip", inside("python3", "-c", SSHD), { reject: false });
    await until("the listener", 20_000, async () =>
      (await execa("ip", inside("ss", "-Hltn"))).stdout.includes(":22 "),
    );
  });
  afterAll(async () => {
    listener.kill("SIGKILL");
    await listener;
    await execa("ip", ["netns", "del", NAMESPACE]);
  });

  /** Runs the probes with `ping` and the time limits as given, and returns their output. */
  const probe = (
    overlay: (index: number) => string,
    change: (script: string) => string = (script) => script,
    sshPort = 22,
    effort: ProbeEffort = {},
  ) => {
    const peers = Array.from({ length: PEERS }, (_, index) => ({
      name: `peer${index}`,
      overlayAddresses: [overlay(index)],
      sshPort,
    }));
    const stdin = probeInput(withDefaults({ cidrs: ["127.0.0.0/8"] }), peers, 8950, effort);
    // Without /proc there is no /dev/fd, and bash could not dial. "ip netns exec" has mounts of its own.
    const command = 'mount -t proc proc "$0/proc" && exec chroot "$0" bash -s';
    return execa("ip", inside("sh", "-c", command, root), {
      input: change(stdin),
      reject: false,
      timeout: 60_000,
    });
  };

  const ADDRESS = (index: number) => `127.1.${index >> 8}.${index & 255}`;
  const SUMMARY = /^oci-vxlan probed time=\S+ targets=1000$/;

  test("all of them answer", async () => {
    const { stdout, stderr } = await probe(ADDRESS);
    expect(stderr).toBe("");
    expect(stdout).toMatch(SUMMARY);
  });

  test("all of them answer, if not to every call", async () => {
    const { stdout, stderr } = await probe(ADDRESS, undefined, 23);
    expect(stderr).toBe("");
    expect(stdout).toMatch(SUMMARY);
  });

  test("those that are not to be dialled are not, and have to take echoes all the same", async () => {
    const refusing = "127.1.0.9";
    const rule = `add table ip fault; add chain ip fault in { type filter hook input priority 0; }; add rule ip fault in ip daddr ${refusing} icmp type echo-request reject with icmp admin-prohibited`;
    await execa("ip", inside("nft", rule));
    // Nothing listens at port 9.
    const { stdout } = await probe(ADDRESS, undefined, 9, { tries: "one", tcpPeers: [] });
    await execa("ip", inside("nft", "delete table ip fault"));
    const [failure, ...rest] = stdout.split("\n");
    expect(failure).toBe(`oci-vxlan probe peer9 ${refusing} icmp:8922 prohibited`);
    expect(rest).toEqual([expect.stringMatching(SUMMARY)]);
  });

  test("none of them answers, and each is named", async () => {
    const { exitCode, stdout } = await probe(
      (index) => `10.9.${index >> 8}.${index & 255}`,
      (script) => script.replace("tries many", "tries one"),
    );
    expect(exitCode).toBe(0);
    expect(stdout.match(/^oci-vxlan probe peer\d+ 10\.9\.\d+\.\d+ icmp:8922 unreachable$/gm)).toHaveLength(
      PEERS,
    );
  });

  test("one that answers only after a while is tried until it does", async () => {
    const late = "10.9.0.1";
    const answers = execa("sh", ["-c", `sleep 2; ip -n ${NAMESPACE} address add ${late}/32 dev lo`]);
    const { stdout } = await probe((index) => (index === 1 ? late : ADDRESS(index)));
    await answers;
    expect(stdout).toMatch(SUMMARY);
  });

  test("and those that were not probed for lack of time are named too", async () => {
    const { stdout } = await probe(ADDRESS, (script) => script.replace(/^TIME_LIMIT=\d+ /m, "TIME_LIMIT=0 "));
    expect(stdout.match(/^oci-vxlan probe peer\d+ \S+ any late$/gm)).toHaveLength(PEERS);
  });

  test("a list of peers that did not arrive whole is refused", async () => {
    const { exitCode, stderr } = await probe(ADDRESS, (script) => script.replace(/\nend\n$/, "\n"));
    expect(exitCode).toBe(1);
    expect(stderr).toBe("oci-vxlan: error: the list of peers did not arrive whole: run pulumi up again");
  });
});

describe("a host whose login user may not ping", () => {
  const ADDRESS = "10.196.218.222";
  let host: NamespaceHost;
  beforeAll(async () => {
    host = await NamespaceHost.make();
    // A copy of ping has no capability, and a new network namespace lets no group ping.
    await host.on(`
      cp /usr/bin/ping /root/ping && mv /root/ping /usr/bin/ping
      useradd fleet
      echo "fleet ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/fleet
      ip link set lo mtu 1500`);
  });
  afterAll(() => host.remove());

  const asUser = (command: string, input = "") =>
    host.sent({ command: `su fleet -c '${command.replaceAll("'", "'\\''")}'`, input });

  test("is tested all the same, since its user may use sudo", async () => {
    expect((await asUser(`ping -n -c1 ${ADDRESS}`)).exitCode).not.toBe(0);
    const peers = [{ name: "peer", overlayAddresses: [ADDRESS], sshPort: 22 }];
    const overlay = withDefaults({ cidrs: ["10.196.218.0/24"], hostFirewall: "leave" });
    const { stdout } = await asUser(PROBE_COMMAND, probeInput(overlay, peers, 1500, { tries: "one" }));
    expect(stdout).toMatch(/^oci-vxlan probed time=\S+ targets=1$/);
  });

  test("measures its paths", async () => {
    const peer = { name: "peer", mac: "", underlayAddress: ADDRESS, overlayAddresses: [] };
    const { stdout } = await asUser(PATH_COMMAND, pathInput([peer], 8950));
    expect(stdout.split("\n")[0]).toBe(`oci-vxlan path peer ${ADDRESS} 1500`);
  });
});
