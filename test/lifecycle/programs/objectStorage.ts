import { spawn } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { request } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { until } from "../../../lab/system/commands.ts";

/**
 * Oracle's Object Storage by its S3-compatible API, in the operator's namespace: moto's S3 server, behind a server that
 * speaks TLS and refuses what Oracle refuses. It prints a line when it is ready, and ends with its standard input.
 */

interface Settings {
  /** Path of `moto_server`. */
  moto: string;
  certificate: string;
  key: string;
  /** Host name of the API; buckets are in the path. */
  host: string;
  region: string;
  accessKey: string;
  bucket: string;
  /** File to which the body of each accepted request is added. */
  uploads: string;
}

const settings = JSON.parse(process.argv[2] ?? "{}") as Settings;
const MOTO_PORT = 5000;

/** What Oracle answers to a request that it does not take; undefined for one that it takes. */
function refusal({ headers }: IncomingMessage): [status: number, code: string, message: string] | undefined {
  if (headers.host !== settings.host)
    return [404, "NoSuchBucket", "The bucket is not in the path of the request."];
  const credential = `AWS4-HMAC-SHA256 Credential=${settings.accessKey}/`;
  const scope = `/${settings.region}/s3/aws4_request`;
  const { authorization = "" } = headers;
  if (!authorization.startsWith(credential) || !authorization.split(",")[0]?.endsWith(scope))
    return [403, "SignatureDoesNotMatch", "The secret key or the region is wrong."];
  const isChunked = headers["content-encoding"]?.includes("aws-chunked") === true;
  if (isChunked || String(headers["x-amz-content-sha256"]).startsWith("STREAMING-"))
    return [501, "NotImplemented", "AWS chunked encoding not supported"];
  return undefined;
}

async function answer(clientRequest: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of clientRequest) chunks.push(chunk as Buffer);
  const refusalAnswer = refusal(clientRequest);
  if (refusalAnswer !== undefined) {
    const [status, code, message] = refusalAnswer;
    response.writeHead(status, { "content-type": "application/xml" });
    response.end(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`);
    return;
  }
  const body = Buffer.concat(chunks);
  if (body.length > 0)
    appendFileSync(settings.uploads, `${clientRequest.url ?? ""}\n${body.toString("utf8")}\n`);
  const { method, url: path } = clientRequest;
  // moto would take the first part of another host name for the bucket.
  const headers = { ...clientRequest.headers, host: `127.0.0.1:${MOTO_PORT}` };
  const motoRequest = request({ port: MOTO_PORT, method, path, headers }, (motoResponse) => {
    response.writeHead(motoResponse.statusCode ?? 502, motoResponse.headers);
    motoResponse.pipe(response);
  });
  motoRequest.on("error", (error) => response.destroy(error));
  motoRequest.end(body);
}

const moto = spawn(settings.moto, ["-H", "127.0.0.1", "-p", String(MOTO_PORT)], { stdio: "ignore" });
// A SIGTERM would take seconds.
process.on("exit", () => moto.kill("SIGKILL"));
process.on("SIGTERM", () => process.exit(0));
process.stdin.on("end", () => process.exit(0)).resume();
moto.on("exit", (code) => {
  throw new Error(`moto's server has ended with ${code}`);
});
const createBucket = () =>
  fetch(`http://127.0.0.1:${MOTO_PORT}/${settings.bucket}`, { method: "PUT" }).then(
    ({ ok }) => ok,
    () => false,
  );
await until("moto's server", 60_000, createBucket);
const tls = { cert: readFileSync(settings.certificate), key: readFileSync(settings.key) };
createServer(tls, (clientRequest, response) => void answer(clientRequest, response)).listen(
  443,
  "127.0.0.1",
  () => process.stdout.write("ready\n"),
);
