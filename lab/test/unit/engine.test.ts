import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answersItself } from "../../pulumi/engine/engine.ts";

const server = createServer((request, response) => {
  const answers: Record<string, [number, string]> = {
    "/script": [200, "#!/bin/sh\n"],
    "/refused": [403, "#!/bin/sh\n"],
    "/portal": [200, "<html>log in</html>"],
  };
  const [status, body] = answers[request.url ?? ""] ?? [404, ""];
  response.writeHead(status).end(body);
});
let base: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

test("the engine is downloaded only where what answers is what was asked for", async () => {
  expect(await answersItself(`${base}/script`)).toBe(true);
  expect(await answersItself(`${base}/refused`)).toBe(false);
  expect(await answersItself(`${base}/portal`)).toBe(false);
  expect(await answersItself("http://127.0.0.1:1/")).toBe(false);
});
