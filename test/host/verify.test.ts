import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { verifyPhase } from "../../components/vxlan/verify.ts";
import type { VerifyHost } from "../../components/vxlan/verify.ts";
import { until } from "../../lab/commands.ts";
import { DEFAULT_IMAGE, hostImage } from "../../lab/hosts/images.ts";
import { NAMESPACES, openLab } from "../../lab/lab.ts";
import { silent } from "../../lab/report.ts";

const NAMESPACE = `${NAMESPACES}verify`;
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
describe("verify with a thousand peers", () => {
  let listener: ReturnType<typeof execa>;
  /** Where the probes find the tools of a host: this machine may have no ping. */
  let root: string;
  const inside = (...argv: string[]) => ["netns", "exec", NAMESPACE, ...argv];

  beforeAll(async () => {
    root = await hostImage(openLab("main"), DEFAULT_IMAGE, silent);
    await execa("ip", ["netns", "del", NAMESPACE], { reject: false });
    await execa("ip", ["netns", "add", NAMESPACE]);
    await execa("ip", ["-n", NAMESPACE, "link", "set", "lo", "up"]);
    await execa("ip", ["-n", NAMESPACE, "route", "add", "unreachable", "10.9.0.0/16"]);
    listener = execa("ip", inside("python3", "-c", SSHD), { reject: false });
    await until("the listener", 5_000, async () =>
      (await execa("ip", inside("ss", "-Hltn"))).stdout.includes(":22 "),
    );
  });
  afterAll(async () => {
    listener.kill("SIGKILL");
    await listener;
    await execa("ip", ["netns", "del", NAMESPACE]);
  });

  /** Runs the probes with `ping` and the time limits as given, and returns what they said. */
  const probe = (
    overlay: (index: number) => string,
    change: (script: string) => string = (script) => script,
    sshPort = 22,
  ) => {
    const hosts: Record<string, VerifyHost> = {
      self: { underlayAddress: "10.0.0.1", overlayAddresses: ["127.0.0.1"], sshPort: 22 },
    };
    for (let index = 0; index < PEERS; index++) {
      hosts[`peer${index}`] = {
        underlayAddress: `10.1.${index >> 8}.${index & 255}`,
        overlayAddresses: [overlay(index)],
        sshPort,
      };
    }
    const settings = withDefaults({ cidrs: ["127.0.0.0/8"] });
    const { stdin } = verifyPhase(settings, {}, "self", hosts, 8950, "0");
    return execa("ip", inside("chroot", root, "bash", "-s"), {
      input: change(stdin),
      reject: false,
      timeout: 60_000,
    });
  };

  test("all of them answer", async () => {
    const { stdout, stderr } = await probe((index) => `127.1.${index >> 8}.${index & 255}`);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^oci-vxlan verified time=\S+ targets=1000$/);
  });

  test("all of them answer, though not to every call", async () => {
    const { stdout, stderr } = await probe((index) => `127.1.${index >> 8}.${index & 255}`, undefined, 23);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/ targets=1000$/);
  });

  test("none of them is reachable: each is named, and the cause is said once", async () => {
    const { exitCode, stderr } = await probe((index) => `10.9.${index >> 8}.${index & 255}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("does not pass from self to 1000 of 1000 addresses:");
    expect(stderr.match(/^ {2}self -> peer\d+ /gm)).toHaveLength(PEERS);
    expect(stderr.match(/this host has no way to the address/g)).toHaveLength(1);
  });

  test("with no time left, those that were not probed are named too", async () => {
    const { exitCode, stderr } = await probe(
      (index) => `127.1.${index >> 8}.${index & 255}`,
      (script) => script.replace(/^TIME_LIMIT=\d+ /m, "TIME_LIMIT=0 "),
    );
    expect(exitCode).toBe(1);
    expect(stderr.match(/not probed: the others took 0 s/g)).toHaveLength(PEERS);
  });

  test("a list that did not arrive whole proves nothing", async () => {
    const { exitCode, stderr } = await probe(
      (index) => `127.1.${index >> 8}.${index & 255}`,
      (script) => script.replace(/\nend\n$/, "\n"),
    );
    expect(exitCode).toBe(1);
    expect(stderr).toBe("oci-vxlan: error: the list of peers did not arrive whole: run pulumi up again");
  });
});
