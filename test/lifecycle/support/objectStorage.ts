import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asOperator } from "../../../lab/pulumi/operator.ts";
import type { Mount } from "../../../lab/pulumi/operator.ts";
import { run } from "../../../lab/system/commands.ts";
import { ROOT } from "../../../lab/system/lab.ts";
import type { Lab } from "../../../lab/system/lab.ts";
import { KEEP_COMPILED, pythonTool } from "../../../lab/test/support/pythonTool.ts";

const MOTO_VERSION = "5.2.5";
const ACCESS_KEY = "0123456789abcdef0123456789abcdef01234567";

/** An S3-compatible Object Storage in a lab, at the address that Oracle's would have for a state. */
export class ObjectStorage {
  /** What Pulumi's commands need to reach it: credentials, and trust in its certificate. */
  readonly variables: Readonly<Record<string, string>>;
  /** Lets the operator's resolver know its host name. */
  readonly mounts: readonly Mount[];
  private readonly server: ChildProcess;
  private readonly uploadsFile: string;

  private constructor(
    server: ChildProcess,
    folder: string,
    variables: Readonly<Record<string, string>>,
    mounts: readonly Mount[],
  ) {
    this.server = server;
    this.uploadsFile = join(folder, "uploads");
    this.variables = variables;
    this.mounts = mounts;
  }

  /**
   * Starts it with one bucket.
   *
   * @param backend the URL of the backend, `s3://BUCKET?endpoint=https://HOST&…&region=REGION`
   */
  static async start(lab: Lab, backend: string): Promise<ObjectStorage> {
    const { hostname: bucket, searchParams } = new URL(backend);
    const { host } = new URL(searchParams.get("endpoint") ?? "");
    const folder = join(lab.directory, "object-storage");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const [certificate, key] = await makeCertificate(folder, host);
    const settings = {
      moto: await pythonTool(lab.cache, "moto[server]", MOTO_VERSION, "moto_server"),
      ...{ certificate, key, host, bucket },
      region: searchParams.get("region"),
      accessKey: ACCESS_KEY,
      uploads: join(folder, "uploads"),
    };
    const program = join(ROOT, "test/lifecycle/programs/objectStorage.ts");
    const [file = "", ...args] = asOperator(lab, [process.execPath, program, JSON.stringify(settings)]);
    const server = spawn(file, args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...KEEP_COMPILED },
    });
    await new Promise((resolve, reject) => {
      server.stdout.once("data", resolve);
      server.once("exit", (code) => reject(new Error(`the Object Storage has ended with ${code}`)));
    });
    const names = join(folder, "hosts");
    writeFileSync(names, `127.0.0.1 localhost ${host}\n`);
    const variables = {
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_CA_BUNDLE: certificate,
      SSL_CERT_FILE: certificate,
    };
    return new ObjectStorage(server, folder, variables, [{ source: names, target: "/etc/hosts" }]);
  }

  /** All that was ever stored in it, as one text. */
  uploads(): string {
    return readFileSync(this.uploadsFile, "utf8");
  }

  stop(): void {
    this.server.stdin?.end();
  }
}

/** Makes a certificate that signs itself, and returns the paths of certificate and key. */
async function makeCertificate(folder: string, host: string): Promise<[certificate: string, key: string]> {
  const [certificate, key] = [join(folder, "server.pem"), join(folder, "server.key")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "3650"];
  const names = ["-subj", "/CN=Object Storage of a test", "-addext", `subjectAltName=DNS:${host}`];
  await run(["openssl", "req", "-x509", ...curve, ...names, "-keyout", key, "-out", certificate]);
  return [certificate, key];
}
