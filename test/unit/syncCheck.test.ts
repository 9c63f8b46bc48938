import { describe, expect, test } from "vitest";
import { checkCommand, readCheck } from "../../components/vxlan/connectivityTest/syncCheck.ts";

describe("the answer of a host", () => {
  const answer = (status: number | undefined, stdout = "", stderr = "") =>
    readCheck("host01", { status, stdout, stderr });

  test("in sync has its turn", () => {
    expect(answer(0, "oci-vxlan turn 7\n")).toEqual({ state: "in sync", warnings: [], turn: 7 });
    expect(answer(0)).toMatchObject({ state: "in sync", turn: 0 });
  });

  test("in sync has a warning a line", () => {
    const stdout = "Welcome!\noci-vxlan warning: one\n\noci-vxlan warning: two\noci-vxlan turn 1\n";
    expect(answer(0, stdout)).toMatchObject({ warnings: ["host01: one", "host01: two"] });
  });

  test("with another exit code is a failure, with its reason", () => {
    expect(answer(1, "", "overlay lab.overlay is paused\n")).toEqual({
      state: "failed",
      problem: "host01: overlay lab.overlay is paused",
    });
    expect(answer(5)).toMatchObject({ problem: expect.stringContaining("ended with 5 and gave no reason") });
  });

  test.each([3, 127])("with exit code %s means that its phases have to run again", (status) => {
    expect(answer(status, "", "no such file")).toEqual({ state: "differs" });
  });

  test.each([124, 137, undefined])("without an end is a failure (%s)", (status) => {
    expect(answer(status, "", "repairing\n")).toMatchObject({
      state: "failed",
      problem: expect.stringMatching(
        /^host01 accepted the login and did not finish its check within \d+ s.* Its last output: repairing/,
      ),
    });
  });
});

test("the check runs as root, for this installation and these settings", () => {
  const { command, input } = checkCommand(
    { overlay: "prod.overlay", owner: "oci-vxlan/prod/overlay" },
    { installation: "some-id", deviceSettings: "a\n", peersSettings: "end\n" },
  );
  expect(command).toMatch(/sudo -n\) env .* timeout -k \d+ \d+ bash -s' /);
  expect(input).toMatch(/^main check prod\.overlay some-id [0-9a-f]{64} [0-9a-f]{64}$/m);
});
