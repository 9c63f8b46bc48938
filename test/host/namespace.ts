import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { attempt, run } from "../../lab/commands.ts";
import type { Result } from "../../lab/commands.ts";

const HOST_FILES = fileURLToPath(new URL("../../components/vxlan/host", import.meta.url));
const STAND_INS = fileURLToPath(new URL("stand-ins", import.meta.url));
const LIB = "/usr/local/lib/oci-vxlan";

/**
 * A host that is nothing but namespaces: a network of its own with one NIC, and empty file systems over the
 * paths that the program writes. The program is the one that ships, at its own path; `systemctl` alone is a
 * stand-in, since no systemd runs here, and it writes down how it was called.
 */
export class NamespaceHost {
  private readonly holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.holder = holder;
  }

  static async make(): Promise<NamespaceHost> {
    const script = `
      set -e
      for path in /etc /var/lib /usr/local /usr/bin; do
        mkdir -p /run/oci-vxlan-test/$path.upper /run/oci-vxlan-test/$path.work
        mount -t overlay overlay -o lowerdir=$path,upperdir=/run/oci-vxlan-test/$path.upper,workdir=/run/oci-vxlan-test/$path.work $path
      done
      mkdir -p ${LIB}
      cp ${HOST_FILES}/oci-vxlan ${LIB}/
      cp ${HOST_FILES}/oci-vxlan@.service /etc/systemd/system/
      cp ${STAND_INS}/systemctl.sh /usr/bin/systemctl
      ip link set lo up
      ip link add eth0 mtu 9000 type bridge
      ip link set eth0 up
      ip address add 10.196.218.222/30 dev eth0
      echo ready
      exec sleep infinity`;
    const outer = 'mount -t tmpfs tmpfs /run && mkdir /run/oci-vxlan-test && exec bash -c "$0"';
    const holder = spawn(
      "unshare",
      ["--net", "--mount", "--propagation=private", "sh", "-c", outer, script],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const [text] = (await Promise.race([once(holder.stdout, "data"), once(holder, "exit")])) as [
      Buffer | number,
    ];
    if (String(text).trim() !== "ready") throw new Error("the host's namespaces could not be made");
    return new NamespaceHost(holder);
  }

  async remove(): Promise<void> {
    const gone = once(this.holder, "exit");
    this.holder.kill("SIGKILL");
    await gone;
  }

  /** Runs a shell command on the host, which must succeed. */
  on(script: string): Promise<string> {
    return run([...this.inside(), "bash", "-ec", script]);
  }

  /** Runs the program and returns whatever became of it. */
  program(args: readonly string[], input = ""): Promise<Result> {
    return attempt([...this.inside(), `${LIB}/oci-vxlan`, ...args], { input });
  }

  private inside(): string[] {
    return ["nsenter", "--target", String(this.holder.pid), "--net", "--mount", "--"];
  }
}
