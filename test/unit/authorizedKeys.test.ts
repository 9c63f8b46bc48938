import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readHostText } from "../../components/vxlan/hostText.ts";

/** The edits of a file of authorized keys by the script that replaces a login key. */
const SCRIPT = readHostText(new URL("../../components/vxlan/host/sent/login-key.sh", import.meta.url));
const OLD = "ssh-ed25519 AAAAOLD+/=";
const NEW = "ssh-ed25519 AAAANEW+/=";
const FOREIGN = "ssh-ed25519 AAAAOTHER bob@example\n";

const folder = mkdtempSync(join(tmpdir(), "authorized-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

function editFile(action: "add" | "retire", text: string): string {
  const file = join(folder, "authorized_keys");
  writeFileSync(file, text);
  const call = `OLD="${OLD}"; NEW="${NEW}"; edited ${action} "${file}"`;
  return execFileSync("bash", ["-s"], { input: `${SCRIPT}\n${call}\n`, encoding: "utf8" });
}

test.each([
  ["a plain entry", OLD, NEW],
  ["a comment", `${OLD} me@laptop, two words`, `${NEW} me@laptop, two words`],
  ["options", `restrict,pty ${OLD} me`, `restrict,pty ${NEW} me`],
  [
    "options with blanks and quotes",
    String.raw`from="10.0.0.0/8",command="echo \"a b\" ${OLD}" ${OLD}`,
    String.raw`from="10.0.0.0/8",command="echo \"a b\" ${OLD}" ${NEW}`,
  ],
  ["blanks and tabs", `\t  ${OLD.replace(" ", "\t ")}  me`, `\t  ${NEW}  me`],
])("%s: the new key gets the same, and the old one goes alone", (_, before, after) => {
  const textWithBothKeys = `${FOREIGN}${before}\n${after}\n# end\n`;
  expect(editFile("add", `${FOREIGN}${before}\n# end\n`)).toBe(textWithBothKeys);
  expect(editFile("add", textWithBothKeys)).toBe(textWithBothKeys);
  expect(editFile("retire", textWithBothKeys)).toBe(`${FOREIGN}${after}\n# end\n`);
});

test("a file without the old key gets the new one at its end", () => {
  expect(editFile("add", FOREIGN)).toBe(`${FOREIGN}${NEW}\n`);
  expect(editFile("add", FOREIGN.trimEnd())).toBe(`${FOREIGN}${NEW}\n`);
  expect(editFile("add", "")).toBe(`${NEW}\n`);
});

test("where the new key is missing, it takes the place of the old one", () => {
  expect(editFile("retire", `restrict ${OLD} me\n${FOREIGN}`)).toBe(`restrict ${NEW} me\n${FOREIGN}`);
});

test.each([
  ["comments", `# ${OLD}\n`],
  ["the keys of authorities", `cert-authority ${OLD}\n`],
  ["longer keys", `${OLD}AAAA\n`],
  ["commands that name the key", `command="grep ${OLD}" ssh-ed25519 AAAAOTHER\n`],
])("%s are no entries of the old key", (_, text) => {
  expect(editFile("retire", `${text}${NEW}\n`)).toBe(`${text}${NEW}\n`);
});

test("an entry of the old key with line ends of Windows is one", () => {
  expect(editFile("retire", `${OLD}\r\n${NEW}\r\n`)).toBe(`${NEW}\r\n`);
});
