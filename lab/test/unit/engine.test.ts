import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { servesScript } from "../../pulumi/engine/engine.ts";

const server = createServer((request, response) => {
  const responses: Record<string, [number, string]> = {
    "/script": [200, "#!/bin/sh\n"],
    "/refused": [403, "#!/bin/sh\n"],
    "/portal": [200, "<html>log in</html>"],
  };
  const [status, body] = responses[request.url ?? ""] ?? [404, ""];
  response.writeHead(status).end(body);
});
let base: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

test("the engine is downloaded only if the address serves a script, not an error or a login page", async () => {
  expect(await servesScript(`${base}/script`)).toBe(true);
  expect(await servesScript(`${base}/refused`)).toBe(false);
  expect(await servesScript(`${base}/portal`)).toBe(false);
  expect(await servesScript("http://127.0.0.1:1/")).toBe(false);
});
