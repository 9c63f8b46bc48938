import { describe, expect, test } from "vitest";
import { parseCommandLine } from "../../setup/commandLine.mjs";

describe("the command line of npm run lab", () => {
  test("without arguments is `up` on stack lab", () => {
    expect(parseCommandLine([])).toEqual({ noInstall: false, stack: "lab", verb: "up", args: [] });
  });

  test("has its options before the verb", () => {
    expect(parseCommandLine(["--no-install", "--stack", "lab-existing", "preview"])).toEqual({
      noInstall: true,
      stack: "lab-existing",
      verb: "preview",
      args: [],
    });
  });

  test("passes everything after the verb on as it is", () => {
    const args = ["host01", "ls", "-l", "--stack", "other", "--no-install", "--", "-h"];
    expect(parseCommandLine(["ssh", ...args])).toEqual({ noInstall: false, stack: "lab", verb: "ssh", args });
  });

  test.each([["--help"], ["-h"], ["help"], ["--stack", "lab-existing", "help"]])(
    "asks for help by %s",
    (...argv) => {
      expect(parseCommandLine(argv).verb).toBe("help");
    },
  );

  test("is refused with an unknown option, or one without its value", () => {
    expect(() => parseCommandLine(["--stak", "lab", "up"])).toThrow("--stak");
    expect(() => parseCommandLine(["--stack"])).toThrow("--stack");
  });
});
