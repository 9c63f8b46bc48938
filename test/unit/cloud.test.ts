import { createPrivateKey } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { capacityAdvice } from "../../components/oci/capacity.ts";
import { cloudConfig, hostPublicKey, instanceMetadata } from "../../components/oci/cloudInit.ts";
import { hostKeyCommand, parseHostKeyPair } from "../../components/oci/hostKeyPair.ts";
import { publicKeyOf } from "../../components/oci/loginKey.ts";
import { chooseAvailabilityDomain, chooseImage } from "../../components/oci/lookups.ts";
import { dialLimits, readyPhase, readyWarning } from "../../components/oci/ready.ts";
import { securityRules, withoutContained } from "../../components/oci/securityRules.ts";
import { generateKeyPair } from "../sshKeyPair.ts";

const hostKey = { privateKey: "PRIVATE\nKEY\n", publicKey: "ecdsa-sha2-nistp256 AAAA" };
const boot = { hostname: "host01", user: "opc", authorizedKeys: ["ssh-ed25519 BBBB"], hostKey };

describe("cloud-init's user data", () => {
  const parsed = (user = "opc") => {
    const [first, ...rest] = cloudConfig({ ...boot, user }).split("\n");
    expect(first).toBe("#cloud-config");
    return JSON.parse(rest.join("\n")) as Record<string, any>;
  };

  test("is this text", () => {
    expect(cloudConfig(boot)).toMatchInlineSnapshot(`
      "#cloud-config
      {
        "hostname": "host01",
        "ssh_deletekeys": true,
        "ssh_keys": {
          "ecdsa_private": "PRIVATE\\nKEY\\n",
          "ecdsa_public": "ecdsa-sha2-nistp256 AAAA"
        },
        "ssh_pwauth": false,
        "users": [
          "default",
          {
            "name": "opc",
            "ssh_authorized_keys": [
              "ssh-ed25519 BBBB"
            ],
            "shell": "/bin/bash",
            "sudo": "ALL=(ALL) NOPASSWD:ALL",
            "lock_passwd": true
          }
        ]
      }
      "
    `);
  });
  test("leaves the issued host key as the only one", () => {
    expect(parsed()).toMatchObject({
      ssh_deletekeys: true,
      ssh_keys: { ecdsa_private: hostKey.privateKey, ecdsa_public: hostKey.publicKey },
    });
  });
  test("makes the login user with sudo and without a password, beside the image's own", () => {
    expect(parsed()["users"]).toEqual([
      "default",
      {
        name: "opc",
        ssh_authorized_keys: ["ssh-ed25519 BBBB"],
        shell: "/bin/bash",
        sudo: "ALL=(ALL) NOPASSWD:ALL",
        lock_passwd: true,
      },
    ]);
    expect(parsed()["ssh_pwauth"]).toBe(false);
  });
  test("lets root in where root is the login user", () => {
    expect(parsed("root")).toMatchObject({ disable_root: false });
    expect(parsed("root")["users"][1]).toEqual({ name: "root", ssh_authorized_keys: ["ssh-ed25519 BBBB"] });
  });
  test("goes to the instance in base64, with the login key beside it", () => {
    const { user_data, ssh_authorized_keys } = instanceMetadata(boot);
    expect(Buffer.from(user_data ?? "", "base64").toString()).toBe(cloudConfig(boot));
    expect(ssh_authorized_keys).toBe("ssh-ed25519 BBBB");
  });
});

describe("the host key in an instance's metadata", () => {
  const encode = (text: string) => ({ user_data: Buffer.from(text).toString("base64") });
  const changed = (publicKey: unknown) =>
    encode(
      `#cloud-config\n${JSON.stringify({ ssh_keys: { ecdsa_private: "SECRET", ecdsa_public: publicKey } })}`,
    );

  test("is read back from what the instance was launched with", () => {
    expect(hostPublicKey(instanceMetadata(boot))).toBe(hostKey.publicKey);
  });
  test("is read beside keys that somebody added, and from user data of an earlier version", () => {
    const earlier = cloudConfig(boot).replace('"ssh_pwauth"', '"ssh_genkeytypes": [], "ssh_pwauth"');
    expect(hostPublicKey({ ...encode(earlier), note: "n", user_note: "" })).toBe(hostKey.publicKey);
  });
  test.each([
    ["no metadata", undefined],
    ["metadata without user data", { ssh_authorized_keys: "ssh-ed25519 BBBB" }],
    ["empty user data", { user_data: "" }],
    ["a script", encode("#!/bin/sh\necho SECRET\n")],
    ["a cloud-config in YAML", encode("#cloud-config\nssh_keys:\n  ecdsa_private: SECRET\n")],
    ["a cloud-config cut short", encode(cloudConfig(boot).slice(0, 90))],
    ["a cloud-config that is null", encode("#cloud-config\nnull\n")],
    ["no base64", { user_data: "SECRET %" }],
    ["no public key", changed(undefined)],
    ["another type of key", changed("ssh-rsa AAAA")],
    ["a private key in its place", changed("-----BEGIN EC PRIVATE KEY-----\nSECRET")],
    ["a second line", changed("ecdsa-sha2-nistp256 AAAA\nSECRET")],
    ["keys that are no text", encode('#cloud-config\n{"ssh_keys": "SECRET"}')],
  ])("is not there, and nothing is thrown: %s", (_what, metadata) => {
    expect(hostPublicKey(metadata)).toBeUndefined();
  });
});

describe("the host key", () => {
  const { interpreter, create } = hostKeyCommand();
  const drawn = () => execFileSync(process.execPath, [...interpreter.slice(1), create], { encoding: "utf8" });

  test("is a pair that Node, ssh2 and OpenSSH read alike", () => {
    const { privateKey, publicKey } = parseHostKeyPair(drawn());
    expect(createPrivateKey(privateKey).asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    expect(publicKeyOf(privateKey)).toBe(publicKey);
    const fingerprint = execFileSync("ssh-keygen", ["-lf", "-"], { input: publicKey, encoding: "utf8" });
    expect(fingerprint).toContain("(ECDSA)");
  });
  test("is quoted in no message where the command printed something else", () => {
    expect(() => parseHostKeyPair("SECRET")).toThrow(/printed no key pair/);
    expect(() => parseHostKeyPair("SECRET")).not.toThrow(/SECRET/);
  });
});

describe("the login key's public half", () => {
  test("is derived from the private one, encrypted or not", () => {
    const plain = generateKeyPair();
    expect(publicKeyOf(plain.private)).toBe(plain.public.trim());
    const locked = generateKeyPair("open");
    expect(publicKeyOf(locked.private, "open")).toBe(locked.public.trim());
  });
  test("a wrong passphrase or no key at all is said without quoting it", () => {
    expect(() => publicKeyOf("SECRET")).toThrow(/cannot be read/);
    expect(() => publicKeyOf("SECRET")).not.toThrow(/SECRET/);
  });
});

describe("the shared Security List's rules", () => {
  const settings = {
    members: ["10.0.0.0/30", "10.0.0.4/30", "10.0.0.0/30"],
    operatorCidrs: ["198.51.100.10/32"],
    vxlanPort: 4789,
    sshPort: 22,
    stateful: false,
    ingress: [],
    egress: [],
  };

  test("name each member once", () => {
    const { ingress } = securityRules(settings);
    expect(ingress.filter(({ protocol }) => protocol === "17").map(({ source }) => source)).toEqual([
      "10.0.0.0/30",
      "10.0.0.4/30",
    ]);
  });
  test("admit UDP to the VXLAN port only, whatever the members", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.array(octet, { minLength: 1 }), fc.boolean(), (octets, stateful) => {
        const members = octets.map((n) => `10.0.${n}.0/24`);
        const { ingress, egress } = securityRules({ ...settings, members, stateful });
        for (const rule of [...ingress, ...egress].filter(({ protocol }) => protocol === "17")) {
          expect(rule.udpOptions).toEqual({ min: 4789, max: 4789 });
          expect(members).toContain("source" in rule ? rule.source : rule.destination);
        }
      }),
    );
  });
  test("a network that holds another stands for both", () => {
    expect(withoutContained(["10.0.0.5/32", "10.0.0.0/24", "10.1.0.0/24"])).toEqual([
      "10.0.0.0/24",
      "10.1.0.0/24",
    ]);
  });
});

/** Runs what is sent to a host, with a shell script in the place of cloud-init. */
function runReady(cloudInit: string, bootTimeout = 20) {
  const folder = mkdtempSync(join(tmpdir(), "ready-"));
  try {
    writeFileSync(join(folder, "cloud-init"), `#!/bin/sh\n${cloudInit}\n`, { mode: 0o755 });
    const env = { PATH: `${folder}:${process.env["PATH"]}` };
    return spawnSync("sh", ["-s"], { input: readyPhase(bootTimeout, "i").stdin, env, encoding: "utf8" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("phase ready", () => {
  test("dials for bootTimeout where a host refuses", () => {
    for (const bootTimeout of [10, 60, 300, 3600]) {
      const { dialErrorLimit } = dialLimits(bootTimeout);
      const pauses = Array.from({ length: dialErrorLimit }, (_, n) => Math.min(0.1 * 1.5 ** n, 5));
      const seconds = pauses.reduce((sum, pause) => sum + pause, 0);
      expect(seconds).toBeGreaterThanOrEqual(bootTimeout - 5);
      expect(seconds).toBeLessThanOrEqual(bootTimeout + 10);
    }
  });
  test("says in its input for which instance it ran", () => {
    expect(readyPhase(300, "ocid1.instance.a").stdin).not.toBe(readyPhase(300, "ocid1.instance.b").stdin);
    expect(readyPhase(300, "ocid1.instance.a").create).toBe("timeout -k 5 310 sh -s # waits for cloud-init");
  });
  test.each([
    { says: "status: done", code: 0, ends: 0 },
    { says: "status: done\nextended_status: degraded done", code: 2, ends: 0 },
    { says: "status: error\ndetail: the words of cloud-init", code: 1, ends: 1 },
  ])("ends with $ends where cloud-init ends with $code", ({ says, code, ends }) => {
    const result = runReady(`[ "$2" = --wait ] && exit ${code}; printf '%s\\n' '${says}'; exit ${code}`);
    expect(result.status).toBe(ends);
    if (ends !== 0) expect(result.stderr).toContain("the words of cloud-init");
  });
  test("passes a cloud-init with recoverable errors, and warns of them in its own words", () => {
    const says = "status: done\nextended_status: degraded done\nrecoverable_errors: schema";
    const { status, stderr } = runReady(`[ "$2" = --wait ] && exit 2; printf '%s\\n' '${says}'; exit 2`);
    expect(status).toBe(0);
    expect(readyWarning(`a login script\n${stderr}`)).toMatch(
      /^cloud-init finished with recoverable errors.*\nstatus: done\n.*\nrecoverable_errors: schema$/,
    );
  });
  test("warns of nothing where cloud-init is content", () => {
    const { status, stderr } = runReady("echo 'status: done'");
    expect([status, readyWarning(stderr), readyWarning("a login script"), readyWarning(undefined)]).toEqual([
      0,
      undefined,
      undefined,
      undefined,
    ]);
  });
  test("gives up on a cloud-init that never ends", () => {
    const result = runReady(`[ "$2" = --wait ] && exec sleep 30; echo 'status: running'`, 1);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/not finished within 1 s; raise bootTimeout.*\n.*status: running/);
  });
});

describe("what the cloud lists", () => {
  const known = ["Uocm:EU-FRANKFURT-1-AD-1", "Uocm:EU-FRANKFURT-1-AD-2"];
  test("the first availability domain, or the one whose name ends so", () => {
    expect(chooseAvailabilityDomain(known)).toBe(known[0]);
    expect(chooseAvailabilityDomain(known, "AD-2")).toBe(known[1]);
    expect(chooseAvailabilityDomain(known, "Uocm:EU-FRANKFURT-1-AD-2")).toBe(known[1]);
    expect(() => chooseAvailabilityDomain(known, "AD-4")).toThrow(
      /no "AD-4" in this region: use one of Uocm/,
    );
  });
  test("the newest image, and a word about one that does not fit its shape", () => {
    expect(chooseImage([{ id: "new" }, { id: "old" }], "Ubuntu", "VM.X")).toBe("new");
    expect(() => chooseImage([], "Ubuntu 24.04", "VM.X")).toThrow(/none of "Ubuntu 24.04" runs on VM\.X/);
  });
});

describe("advice", () => {
  test("for what the cloud says in one line", () => {
    expect(capacityAdvice("host02", "VM.X", "500-InternalError, Out of host capacity.")).toMatch(
      /host02 \(VM\.X\).*run it again later.*availabilityDomain.*another shape/,
    );
    expect(capacityAdvice("host02", "VM.X", "400-LimitExceeded, …")).toMatch(/service limits/);
  });
  test("for nothing else", () => {
    expect(capacityAdvice("host02", "VM.X", "404-NotAuthorizedOrNotFound")).toBeUndefined();
  });
});
