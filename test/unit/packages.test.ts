import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packagesScript } from "../../components/oci/cloudInit.ts";
import { readyPhase, readyWarning } from "../../components/oci/ready.ts";

const TOOLS = ["nft", "ip", "bridge", "flock", "cmp", "awk", "sed", "gzip", "ping"];

/** The tools that the script itself calls. */
const SYSTEM = ["cat", "date", "rm", "sleep", "tail", "timeout", "touch", "chmod"];

/** The packages that a provisioned host lacks, on an image that is a folder of programs. */
describe("cloud-init at the first boot", () => {
  let folder: string;
  const place = (name: string) => join(folder, name);
  const fakeTool = (name: string, script: string) =>
    writeFileSync(place(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  /** A package manager that writes down how it was called, and fails the first times. */
  const manager = (name: string, failures: number, installs: readonly string[]) =>
    fakeTool(
      name,
      `echo "${name} $*" >>${place("calls")}
      case "$*" in *install*) ;; *) exit 0 ;; esac
      count=$(( $(cat ${place("count")} 2>/dev/null || echo 0) + 1 ))
      echo $count >${place("count")}
      [ $count -gt ${failures} ] || { echo "E: the lock is held"; exit 100; }
      ${installs.map((tool) => `touch ${place(tool)}; chmod 755 ${place(tool)}`).join("\n")}`,
    );
  const calls = () =>
    existsSync(place("calls")) ? readFileSync(place("calls"), "utf8").trim().split("\n") : [];
  const failure = () =>
    existsSync(place("failure")) ? readFileSync(place("failure"), "utf8").trim() : undefined;

  /** Runs the script on an image that lacks some tools. */
  function boot(missingTools: readonly string[], limit = 20) {
    for (const tool of TOOLS.filter((name) => !missingTools.includes(name))) fakeTool(tool, "");
    const script = packagesScript()
      .replace(/^LIMIT=\d+/m, `LIMIT=${limit}`)
      .replace(/^PAUSE=\d+/m, "PAUSE=0.1")
      .replace("FAILURE=/run/oci-vxlan-packages", `FAILURE=${place("failure")}`);
    return spawnSync("/bin/sh", ["-c", script], { env: { PATH: folder }, encoding: "utf8" });
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "packages-"));
    for (const name of SYSTEM) symlinkSync(`/usr/bin/${name}`, place(name));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("calls no package manager where nothing is missing", () => {
    manager("apt-get", 0, []);
    expect(boot([]).status).toBe(0);
    expect([calls(), failure()]).toEqual([[], undefined]);
  });

  test.each([
    ["apt-get", "nftables iproute2 iputils-ping"],
    ["dnf", "nftables iproute iputils"],
    ["microdnf", "nftables iproute iputils"],
  ])("has %s install the packages of missing tools, each once", (name, packages) => {
    const missingTools = ["nft", "ip", "bridge", "ping"];
    manager(name, 0, missingTools);
    expect(boot(missingTools).status).toBe(0);
    expect(calls().filter((call) => call.includes("install"))).toEqual([
      expect.stringMatching(new RegExp(` ${packages}$`)),
    ]);
    expect(failure()).toBeUndefined();
  });

  test("tries again while another program has apt's lock", () => {
    manager("apt-get", 2, ["nft"]);
    expect(boot(["nft"]).status).toBe(0);
    expect(calls().filter((call) => call.includes("install"))).toHaveLength(3);
    expect(calls().at(-1)).toMatch(/^apt-get -qq -o DPkg::Lock::Timeout=\d+ install -y/);
    expect(failure()).toBeUndefined();
  });

  test("gives up in time, and leaves the packages with the last words of the package manager", () => {
    manager("apt-get", 1_000_000, []);
    expect(boot(["nft", "ping"], 1).status).toBe(0);
    expect(failure()).toBe("nftables iputils-ping: E: the lock is held");
  });

  test("says that an image without a package manager has none", () => {
    expect(boot(["cmp"]).status).toBe(0);
    expect(failure()).toBe("diffutils: neither apt-get nor dnf is there");
  });

  test("has phase ready warn about what could not be installed", () => {
    writeFileSync(place("failure"), "nftables: E: the lock is held\n");
    fakeTool("cloud-init", "exit 0");
    const { stdin } = readyPhase(20, "i");
    const input = stdin.replaceAll("/run/oci-vxlan-packages", place("failure"));
    const { status, stderr } = spawnSync("/bin/sh", ["-s"], {
      input,
      env: { PATH: folder },
      encoding: "utf8",
    });
    expect(status).toBe(0);
    expect(readyWarning(`a login script\n${stderr}`)).toMatch(
      /^this image lacks packages, .*cloud-init-output\.log.*\nnftables: E: the lock is held$/,
    );
  });
});
