import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { PATH_COMMAND, pathInput } from "../../components/vxlan/connectivityTest/pathMtu.ts";
import {
  PROBE_COMMAND,
  parseProbeReport,
  probeInput,
} from "../../components/vxlan/connectivityTest/probe.ts";
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

  const ADDRESS = (index: number) => `127.1.${index >> 8}.${index & 255}`;

  interface Probes extends ProbeEffort {
    /** Overlay address of each peer. */
    address?: (index: number) => string;
    sshPort?: number;
    /** Changes the script, such as `ping` and the time limits. */
    change?: (script: string) => string;
    /** Without /proc there is no /dev/fd, and bash cannot dial. */
    hasProc?: boolean;
  }

  /** Runs the probes and returns how they ended: a line for each peer that does not answer, without its number. */
  const probe = async ({ address = ADDRESS, sshPort = 22, change, hasProc = true, ...effort }: Probes) => {
    const peers = Array.from({ length: PEERS }, (_, index) => ({
      name: `peer${index}`,
      overlayAddresses: [address(index)],
      underlayAddress: "",
      sshPort,
    }));
    const stdin = probeInput(withDefaults({ cidrs: ["127.0.0.0/8"] }), peers, 8950, effort);
    // "ip netns exec" has mounts of its own.
    const command = `${hasProc ? 'mount -t proc proc "$0/proc" && ' : ""}exec chroot "$0" bash -s`;
    const { exitCode, stdout, stderr } = await execa("ip", inside("sh", "-c", command, root), {
      input: change?.(stdin) ?? stdin,
      reject: false,
      timeout: 60_000,
    });
    if (exitCode !== 0) return { exitCode, stderr };
    const [prober] = peers;
    const { failures, echoes, targets } = parseProbeReport({ ...prober!, name: "self" }, peers, stdout);
    expect(targets).toBe(PEERS);
    return { exitCode, stderr, failures, echoes };
  };

  const ANSWER_ALL = { exitCode: 0, stderr: "", failures: [] };
  /** The answers of the peers that do not pass. */
  const eachAnswers = (answer: string) =>
    Array.from({ length: PEERS }, () => expect.objectContaining({ answer }));

  test("all of them answer", async () => {
    expect(await probe({})).toMatchObject(ANSWER_ALL);
  });

  test("all of them answer, if not to every call", async () => {
    expect(await probe({ sshPort: 23 })).toMatchObject(ANSWER_ALL);
  });

  test("those that are not to be dialled are not, and have to take echoes all the same", async () => {
    const refusingAddress = "127.1.0.9";
    const rule = `add table ip fault; add chain ip fault in { type filter hook input priority 0; }; add rule ip fault in ip daddr ${refusingAddress} icmp type echo-request reject with icmp admin-prohibited`;
    await execa("ip", inside("nft", rule));
    // Nothing listens at port 9.
    const { failures } = await probe({ sshPort: 9, tries: "one", tcpPeers: [] });
    await execa("ip", inside("nft", "delete table ip fault"));
    expect(failures).toEqual([
      expect.objectContaining({ to: "peer9", address: refusingAddress, size: 8922, answer: "prohibited" }),
    ]);
  });

  test("none of them answers, and each is named", async () => {
    const { failures } = await probe({
      address: (index) => `10.9.${index >> 8}.${index & 255}`,
      tries: "one",
    });
    expect(failures).toEqual(eachAnswers("unreachable"));
  });

  test("one that answers only after a while is tried until it does", async () => {
    const lateAddress = "10.9.0.1";
    const answers = execa("sh", ["-c", `sleep 2; ip -n ${NAMESPACE} address add ${lateAddress}/32 dev lo`]);
    const outcome = await probe({ address: (index) => (index === 1 ? lateAddress : ADDRESS(index)) });
    await answers;
    expect(outcome).toMatchObject(ANSWER_ALL);
  });

  test("those that were not probed for lack of time are named too", async () => {
    const { failures } = await probe({
      change: (script) => script.replace(/^TIME_LIMIT=\d+ /m, "TIME_LIMIT=0 "),
    });
    expect(failures).toEqual(eachAnswers("late"));
  });

  test("none of them passes where bash can dial none", async () => {
    expect((await probe({ hasProc: false })).failures).toEqual(eachAnswers("unfinished"));
  });

  test("one whose process is killed does not pass", async () => {
    const { failures } = await probe({
      change: (script) =>
        script.replace("PROBE=icmp:", '[[ $1 != 127.1.0.7 ]] || kill -9 "$BASHPID"\n\tPROBE=icmp:'),
    });
    expect(failures).toEqual([expect.objectContaining({ to: "peer7", answer: "unfinished" })]);
  });

  test.each([
    ["an echo too many, since the last answer was late, is not lost", "1 2 3 4 5", 5],
    ["an echo that has no answer is lost", "1 2 4 5 6", 6],
  ])("%s", async (_, answeredEchoes, sentCount) => {
    // ping sends echoes until it has five answers.
    const ping = `sh -c 'for n in ${answeredEchoes}; do echo "64 bytes from $0: icmp_seq=$n ttl=64 time=0.050 ms"; done; echo "6 packets transmitted, 5 received, 16% packet loss, time 600ms"; echo "rtt min/avg/max/mdev = 0.050/0.050/0.050/0.000 ms"' "$1" `;
    const { echoes } = await probe({
      echoes: 5,
      tcpPeers: [],
      change: (script) => script.replace(/exec ping -n .* -s "\$2" "\$1"/, `exec ${ping}`),
    });
    expect(echoes).toHaveLength(PEERS);
    expect(echoes?.[0]).toMatchObject({ sent: sentCount, received: 5, milliseconds: 0.05 });
  });

  test("a list of peers that did not arrive whole is refused", async () => {
    const { exitCode, stderr } = await probe({ change: (script) => script.replace(/\nend\n$/, "\n") });
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
    host.runSent({ command: `su fleet -c '${command.replaceAll("'", "'\\''")}'`, input });

  test("is tested all the same, since its user may use sudo", async () => {
    expect((await asUser(`ping -n -c1 ${ADDRESS}`)).exitCode).not.toBe(0);
    const peers = [{ name: "peer", overlayAddresses: [ADDRESS], sshPort: 22 }];
    const overlay = withDefaults({ cidrs: ["10.196.218.0/24"], hostFirewall: "leave" });
    const { stdout } = await asUser(PROBE_COMMAND, probeInput(overlay, peers, 1500, { tries: "one" }));
    expect(stdout.split("\n")[0]).toBe(`oci-vxlan probe peer ${ADDRESS} all passes`);
  });

  test("measures its paths", async () => {
    const peer = { name: "peer", mac: "", underlayAddress: ADDRESS, overlayAddresses: [] };
    const { stdout } = await asUser(PATH_COMMAND, pathInput([peer], 8950));
    expect(stdout.split("\n")[0]).toBe(`oci-vxlan path peer ${ADDRESS} 1500`);
  });
});
