import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { openInputs } from "../../components/hookInputs.ts";

const wrapSecret = (value: unknown) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});

test("a hook's inputs are opened, wherever a plugin has put its secrets", async () => {
  const inputs = {
    connection: pulumi.secret({ host: "10.196.218.222", privateKey: "KEY" }),
    other: { port: 22, privateKey: wrapSecret("KEY"), list: [wrapSecret({ deep: wrapSecret("x") })] },
    stdin: "text",
    none: undefined,
  };
  expect(await openInputs(inputs)).toEqual({
    connection: { host: "10.196.218.222", privateKey: "KEY" },
    other: { port: 22, privateKey: "KEY", list: [{ deep: "x" }] },
    stdin: "text",
  });
  expect(await openInputs(undefined)).toEqual({});
});
