import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fillIn, inverse } from "../upgrade/placeholders.ts";
import { FOLDER, recordedReleases } from "../upgrade/recording.ts";

test.each(recordedReleases())("the recording of release %s holds no key and nothing encrypted", (release) => {
  const folder = join(FOLDER, release);
  const text = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
  expect(text).toContain('\\"privateKey\\":\\"<login key>');
  expect(text).not.toMatch(/BEGIN [A-Z ]*PRIVATE KEY|AAAA[A-Za-z0-9+/]{16}|"ciphertext"|encryptionsalt/);
});

test("placeholders are filled in and taken out wherever they are, in secrets too", () => {
  const values = { "<login key>": 'two\nlines "quoted"' };
  const recordedValues = { list: ["a <login key>"], secret: { plaintext: '{"key":"<login key>\\n"}' } };
  const filledValues = fillIn(recordedValues, values);
  expect(filledValues.list).toEqual(['a two\nlines "quoted"']);
  expect(JSON.parse(filledValues.secret.plaintext)).toEqual({ key: 'two\nlines "quoted"\n' });
  expect(fillIn(filledValues, inverse(values))).toEqual(recordedValues);
});
