import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const HOST = join(import.meta.dirname, "../../components/vxlan/host");

/**
 * What bash has learned since 4.4, which Oracle Linux 8 ships, from the notes of its releases. What is of use to
 * interactive shells only is left out.
 */
const NEWER_FEATURES: Readonly<Record<string, RegExp>> = {
  "5.0: EPOCHSECONDS, EPOCHREALTIME, BASH_ARGV0": /\b(EPOCHSECONDS|EPOCHREALTIME|BASH_ARGV0)\b/,
  "5.0: wait -f": /\bwait +-\w*f/,
  "5.0: options of shopt": /\b(localvar_inherit|localvar_unset|assoc_expand_once)\b/,
  "5.1: SRANDOM": /\bSRANDOM\b/,
  "5.1: wait -n with arguments, wait -p": /\bwait +(-\w*p|-n +[^;|&)\s])/,
  "5.1: ${name@U}, @u, @L, @K": /\$\{!?\w+(\[[^\]]*\])?@[UuLK]\}/,
  "5.1: declare -I": /\b(declare|local|typeset) +-\w*I/,
  "5.1: lists of keys and values": /\b(declare|local|typeset) +-\w*A\w* +\w+=\( *[^[)\s]/,
  "5.2: ${name@k}": /\$\{!?\w+(\[[^\]]*\])?@k\}/,
  "5.2: options of shopt": /\b(patsub_replacement|varredir_close|globskipdots)\b/,
  "5.2: & for what has matched": /\$\{\w+(\[[^\]]*\])?\/\/?[^/}]+\/[^}]*&[^}]*\}/,
  "5.2: printf %Q": /\bprintf\b.*%[\d.]*Q/,
  "5.3: ${ command; }": /\$\{[ |]/,
  "5.3: GLOBSORT, BASH_MONOSECONDS, BASH_TRAPSIG": /\b(GLOBSORT|BASH_MONOSECONDS|BASH_TRAPSIG)\b/,
  "5.3: options of builtins": /\b(source +-p|read +-\w*E|compgen +-V|trap +-P)/,
};

const scripts = globSync("{oci-vxlan,**/*.sh}", { cwd: HOST });

/** Lists the features newer than bash 4.4 in the lines of a script that are no comments. */
function newerFeatures(script: string): string[] {
  const lines = script.split("\n").filter((line) => !/^\s*#/.test(line));
  return Object.entries(NEWER_FEATURES).flatMap(([feature, pattern]) =>
    lines.filter((line) => pattern.test(line)).map((line) => `${feature}, in: ${line.trim()}`),
  );
}

describe("what runs on hosts needs no bash newer than 4.4", () => {
  test("all of it is looked at", () => {
    expect(scripts).toEqual(expect.arrayContaining(["oci-vxlan", "device.sh", "sent/probe.sh"]));
  });

  test.each(scripts)("%s", (path) => {
    expect(newerFeatures(readFileSync(join(HOST, path), "utf8"))).toEqual([]);
  });

  test.each([
    "now=$EPOCHREALTIME",
    'wait -f "$pid"',
    "shopt -s localvar_inherit",
    "echo $SRANDOM",
    'wait -n "$first" "$second"',
    "wait -n -p finished",
    'echo "${name@U}"',
    'echo "${names[0]@L}"',
    "local -I name",
    "declare -gA counts=(one 1)",
    'echo "${names[@]@k}"',
    "shopt -u patsub_replacement",
    'echo "${name//b/[&]}"',
    "printf '%.9Q' \"$name\"",
    "text=${ cat file; }",
    "GLOBSORT=size",
    "trap -P TERM",
  ])("this would be found: %s", (line) => {
    expect(newerFeatures(line)).toHaveLength(1);
  });

  test.each([
    "wait -n || true",
    'wait "$RUNNING"',
    "declare -gA COUNTS=()",
    "declare -gA STATE=([a]='' [b]='')",
    'echo "${names[@]@Q}"',
    "${text//&/ and }",
    "printf %q",
    "# ${name@U}",
  ])("bash 4.4 has this: %s", (line) => {
    expect(newerFeatures(line)).toEqual([]);
  });
});
