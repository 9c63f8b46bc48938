import { createInterface } from "node:readline";
import common from "oci-common";
import core from "oci-core";
import identity from "oci-identity";

/**
 * The child process of client.ts, which runs in the operator's namespace. It reads one call a line and writes one answer
 * a line.
 */

const provider = new common.ConfigFileAuthenticationDetailsProvider();
const options = { authenticationDetailsProvider: provider };
const clients: Record<string, any> = {
  network: new core.VirtualNetworkClient(options),
  compute: new core.ComputeClient(options),
  storage: new core.BlockstorageClient(options),
  identity: new identity.IdentityClient(options),
  // Signs and sends requests that the SDK would not make.
  raw: {
    send: async ({ method, url, body, headers = {} }: any) => {
      const request = { method, uri: url, body, headers: new Headers(headers) };
      await new common.DefaultRequestSigner(provider).signHttpRequest(request);
      const response = await fetch(url, request);
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await response.text(),
      };
    },
  },
};
// The SDK logs every error answer; the tests provoke many.
console.warn = () => undefined;
console.error = () => undefined;
console.log = () => undefined;

for await (const line of createInterface({ input: process.stdin })) {
  const { id, client, method, request } = JSON.parse(line);
  clients[client][method](request).then(
    (answer: object) => reply({ id, answer }),
    (error: any) =>
      reply({
        id,
        error: {
          status: error.statusCode,
          code: error.serviceCode,
          message: error.message,
          requestId: error.opcRequestId,
        },
      }),
  );
}

function reply(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
