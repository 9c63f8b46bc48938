import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { configurationFiles } from "../../scripts/configuration.ts";

const ROOT = join(import.meta.dirname, "../..");
const STACK_FILES = execFileSync("git", ["ls-files", "stacks/*.yaml"], { cwd: ROOT, encoding: "utf8" })
  .trim()
  .split("\n");

const files = await configurationFiles();

test.each(Object.keys(files))("%s is what `npm run docs` writes", (path) => {
  expect(readFileSync(join(ROOT, path), "utf8")).toBe(files[path]);
});

describe("the JSON Schema of a stack's file", () => {
  const validate = new Ajv({ allErrors: true, jsonPointers: true }).compile(
    JSON.parse(files["stacks/config.schema.json"] ?? "") as object,
  );
  const errors = (file: unknown): string[] =>
    validate(file)
      ? []
      : (validate.errors ?? []).map(
          ({ dataPath, message, params }) => `${dataPath} ${message} ${JSON.stringify(params)}`,
        );
  /** Stack lab's own file, changed. */
  const changed = (change: (file: any) => void): unknown => {
    const file = parse(readFileSync(join(ROOT, "stacks/Pulumi.lab.yaml"), "utf8"));
    change(file);
    return file;
  };
  const environmentOf = (file: any) => file.config["oci-vxlan:environment"];

  test("describes every key", () => {
    const undescribedKeys = (node: any, path: string): string[] => {
      const keys = Object.entries<any>(node.properties ?? {});
      const children = [...keys, ...[node.items, node.additionalProperties].map((child) => ["*", child])];
      return [
        ...keys.filter(([, key]) => !key.description).map(([key]) => `${path}.${key}`),
        ...children.flatMap(([key, child]) =>
          typeof child === "object" ? undescribedKeys(child, `${path}.${key}`) : [],
        ),
      ];
    };
    const schema = JSON.parse(files["stacks/config.schema.json"] ?? "");
    expect(undescribedKeys(schema.properties.config.properties["oci-vxlan:environment"], "")).toEqual([]);
  });

  test.each(STACK_FILES)("accepts %s, which names it for editors", (path) => {
    const text = readFileSync(join(ROOT, path), "utf8");
    expect(errors(parse(text))).toEqual([]);
    expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=config.schema.json");
  });

  test.each(["README.ja.md", "docs/configuration.md"])("accepts the examples in %s", (path) => {
    const page = readFileSync(join(ROOT, path), "utf8");
    const examples = [...page.matchAll(/```yaml\n([^]*?)```/g)]
      .map(([, text = ""]) => parse(text))
      .filter(({ config }) => config !== undefined);
    expect(examples.length).toBeGreaterThan(0);
    expect(examples.flatMap(errors)).toEqual([]);
  });

  test("accepts secrets, other namespaces, and what Pulumi itself writes", () => {
    const file = changed((e) => {
      e.encryptionsalt = "v1:abc";
      e.config["oci-vxlan:sshPrivateKey"] = { secure: "v1:abc" };
      e.config["oci-vxlan:sshPrivateKeyPassphrase"] = { secure: "v1:abc" };
      e.config["oci:tenancyOcid"] = "ocid1.tenancy.oc1..aaaa";
      e.config["pulumi:disable-default-providers"] = ["*"];
    });
    expect(errors(file)).toEqual([]);
  });

  test.each([
    ["an unknown key", (file: any) => (environmentOf(file).overlay.vxlanId = 1), "/overlay"],
    [
      "an unknown key of a host",
      (file: any) => (environmentOf(file).hosts.host01.adress = "x"),
      "/hosts/host01",
    ],
    ["a missing key", (file: any) => delete environmentOf(file).overlay.cidrs, "/overlay"],
    ["a wrong type", (file: any) => (environmentOf(file).overlay.vni = "100"), "/overlay/vni"],
    [
      "a word that is none of the choices",
      (file: any) => (environmentOf(file).overlay.hostFirewall = "open"),
      "/overlay/hostFirewall",
    ],
  ])("refuses %s of the environment", (_, change, path) => {
    const lines = errors(changed(change));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`/config/oci-vxlan:environment${path} `);
  });

  test.each([
    ["a misspelt key of the project", (file: any) => (file.config["oci-vxlan:enviroment"] = {}), "/config "],
    [
      "a private key in plain text",
      (file: any) => (file.config["oci-vxlan:sshPrivateKey"] = "text"),
      "/config/oci-vxlan:sshPrivateKey ",
    ],
    ["a misspelt section", (file: any) => (file.conifg = {}), " "],
  ])("refuses %s", (_, change, path) => {
    const lines = errors(changed(change));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^${path}`));
  });
});
