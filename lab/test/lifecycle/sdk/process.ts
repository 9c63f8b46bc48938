import { createInterface } from "node:readline";
import common from "oci-common";
import core from "oci-core";
import identity from "oci-identity";

/**
 * Oracle's own SDK in a process of its own, since it has to run as the operator: one call a line comes in, one
 * answer a line goes out.
 */

const provider = new common.ConfigFileAuthenticationDetailsProvider();
const options = { authenticationDetailsProvider: provider };
const clients: Record<string, any> = {
  network: new core.VirtualNetworkClient(options),
  compute: new core.ComputeClient(options),
  storage: new core.BlockstorageClient(options),
  identity: new identity.IdentityClient(options),
  // For what the SDK would not send: signed like the rest.
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
// The SDK tells the standard error of every refusal; the tests provoke them.
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
