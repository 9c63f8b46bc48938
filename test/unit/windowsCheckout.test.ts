import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyWithWindowsLineEnds } from "../windowsCheckout.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Prints a digest of each text that goes to hosts or to a program of the operator's machine. */
const DIGESTS = `
import { createHash } from "node:crypto";
import { hostKeyCommand } from "./components/oci/hostKeyPair.ts";
import { readyPhase } from "./components/oci/ready.ts";
import { pathInput } from "./components/vxlan/connectivityTest/pathMtu.ts";
import { probeInput } from "./components/vxlan/connectivityTest/probe.ts";
import { evidenceInput } from "./components/vxlan/diagnosis/evidence.ts";
import { delivery, hostFiles, installScript } from "./components/vxlan/phases/install.ts";
import { sentVerb } from "./components/vxlan/phases/sentVerb.ts";
import { withDefaults } from "./components/vxlan/settings.ts";
const host = { device: "vxlan0", underlayAddress: "10.0.0.2", overlayAddresses: ["192.168.0.1"] };
const texts = {
  hostKey: hostKeyCommand().stdin,
  ready: readyPhase(300, "ocid1").stdin,
  program: delivery("0123456789abcdef").input,
  device: installScript("lab.overlay", "0123456789abcdef", "vni 100\\n"),
  probe: probeInput(withDefaults({}), [{ ...host, name: "host01", sshPort: 22 }], 8950),
  paths: pathInput([], 8950),
  check: sentVerb("check.sh", ["check"], 40, "").input,
  evidence: evidenceInput({ ...host, overlay: "lab.overlay", port: 4789, peers: [] }),
  ...Object.fromEntries(hostFiles().map(({ path, text }) => [path, text])),
};
for (const [name, text] of Object.entries(texts))
  console.log(name, text.includes("\\r") ? "CR" : "", createHash("sha256").update(text).digest("hex"));
`;

const digestsOf = (checkout: string) =>
  execFileSync(process.execPath, ["--input-type=module", "-e", DIGESTS], { cwd: checkout, encoding: "utf8" });

let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "windows-checkout-"));
  for (const name of ["components", "package.json"])
    copyWithWindowsLineEnds(join(ROOT, name), join(checkout, name));
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
});
afterAll(() => rmSync(checkout, { recursive: true }));

test("a checkout with line ends of Windows sends hosts the same bytes", () => {
  const digests = digestsOf(checkout);
  expect(digests).toBe(digestsOf(ROOT));
  expect(digests).not.toContain(" CR ");
});
