import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engineVersion, servesScript } from "../../pulumi/engine/engine.ts";

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

test("the engine is the launcher's version, or another one that the lab has the modules of", () => {
  expect(engineVersion()).toBe("3.256.0");
  expect(engineVersion("3.274.1")).toBe("3.274.1");
  expect(() => engineVersion("1.0.0")).toThrow(
    'LAB_ENGINE_VERSION is "1.0.0": the lab has the modules of 3.256.0 and 3.274.1, so set it to one of these, or leave it out.',
  );
});
