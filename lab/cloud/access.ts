import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../system/commands.ts";
import type { Lab } from "../system/lab.ts";
import { REGION, SERVICE_HOSTS, TENANCY, USER } from "./region.ts";

/**
 * The files that clients need for the lab's cloud: the certificate authority of its server, a key that signs requests,
 * and a config file for Oracle's tools. They are made once for each lab, and only root can read them.
 */

const folder = (lab: Lab) => join(lab.directory, "cloud", "access");

/** The certificate of the authority, which clients have to trust. */
const authority = (lab: Lab) => join(folder(lab), "ca.pem");
export const serverCertificate = (lab: Lab) => join(folder(lab), "server.pem");
export const serverKey = (lab: Lab) => join(folder(lab), "server.key");
/** The key that signs requests, and its public half, which the cloud checks them by. */
const apiKey = (lab: Lab) => join(folder(lab), "api_key.pem");
export const apiPublicKey = (lab: Lab) => join(folder(lab), "api_key_public.pem");
/** A config file as Oracle's tools read it, with the profile DEFAULT. */
export const configFile = (lab: Lab) => join(folder(lab), "config");

/** An API key's fingerprint in Oracle's form: the MD5 of the public key's DER, in pairs of hex digits. */
export function fingerprintOf(publicPem: string): string {
  const der = createPublicKey(publicPem).export({ type: "spki", format: "der" });
  return createHash("md5").update(der).digest("hex").match(/../g)?.join(":") ?? "";
}

/** Makes the access files where there are none. The folder is renamed when it is complete, so none is ever missing. */
export async function ensureAccess(lab: Lab): Promise<void> {
  if (existsSync(folder(lab))) return;
  const unfinishedFolder = `${folder(lab)}.${process.pid}`;
  rmSync(unfinishedFolder, { recursive: true, force: true });
  mkdirSync(unfinishedFolder, { recursive: true, mode: 0o700 });
  await makeCertificates(unfinishedFolder);

  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const config = [
    "[DEFAULT]",
    `user=${USER}`,
    `tenancy=${TENANCY}`,
    `region=${REGION}`,
    `fingerprint=${fingerprintOf(publicKey)}`,
    `key_file=${apiKey(lab)}`,
  ];
  const files = {
    "api_key.pem": privateKey,
    "api_key_public.pem": publicKey,
    config: `${config.join("\n")}\n`,
  };
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(unfinishedFolder, name), text, { mode: 0o600 });
  renameSync(unfinishedFolder, folder(lab));
}

/** Makes an authority, and a server certificate signed by it for the services' host names. */
async function makeCertificates(target: string): Promise<void> {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "3650"];
  const make = (name: string, subject: string, options: readonly string[]) =>
    run([
      "openssl",
      "req",
      "-x509",
      ...curve,
      ...["-subj", subject, "-keyout", join(target, `${name}.key`), "-out", join(target, `${name}.pem`)],
      ...options,
    ]);
  await make("ca", "/CN=oci-vxlan lab", ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
  await make("server", `/CN=${SERVICE_HOSTS[0] ?? ""}`, [
    ...["-CA", join(target, "ca.pem"), "-CAkey", join(target, "ca.key")],
    ...["-addext", `subjectAltName=${SERVICE_HOSTS.map((name) => `DNS:${name}`).join(",")}`],
    ...["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"],
  ]);
  // The authority signs nothing else.
  rmSync(join(target, "ca.key"));
}

/**
 * The environment in which Oracle's clients trust the lab's cloud alone and have its credentials. It names the key by
 * its path, so it holds no secret. The official plugin reads `TF_VAR_…`, the SDKs and oci-cli read the config file.
 */
export function accessEnvironment(lab: Lab): Record<string, string> {
  const ca = authority(lab);
  return {
    SSL_CERT_FILE: ca,
    NODE_EXTRA_CA_CERTS: ca,
    REQUESTS_CA_BUNDLE: ca,
    OCI_CLI_CERT_BUNDLE: ca,
    OCI_CLI_CONFIG_FILE: configFile(lab),
    OCI_CONFIG_FILE: configFile(lab),
    OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING: "True",
    TF_VAR_tenancy_ocid: TENANCY,
    TF_VAR_user_ocid: USER,
    TF_VAR_fingerprint: fingerprintOf(readFileSync(apiPublicKey(lab), "utf8")),
    TF_VAR_private_key_path: apiKey(lab),
    TF_VAR_region: REGION,
  };
}
