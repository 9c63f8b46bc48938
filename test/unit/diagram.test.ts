import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { runDiagram } from "../../diagram/commandLine.ts";
import { mermaidOf } from "../../diagram/mermaid.ts";
import { allHosts, topologyOf } from "../../diagram/model.ts";
import { PALETTE } from "../../diagram/palette.ts";
import { svgOf } from "../../diagram/svg.ts";
import { pictureFiles } from "../../scripts/pictures.ts";
import { parsePlan } from "../../stacks/load.ts";
import { committedEnvironment } from "./configProblems.ts";
import { fleetTopology, occurrences } from "./diagramFleet.ts";

const FLEETS = [{ hosts: 2 }, { hosts: 5, subnets: 2, existing: 1 }, { hosts: 30, subnets: 3, existing: 3 }];
const FORMATS = { svg: svgOf, mermaid: mermaidOf };

describe.each(Object.entries(FORMATS))("a picture as %s", (_, render) => {
  test.each(FLEETS)("shows each of $hosts hosts once, with both addresses", async (fleet) => {
    const topology = fleetTopology(fleet);
    // Names stand in comments and titles too.
    const text = (await render(topology)).replaceAll(/<!--.*?-->|<title>.*?<\/title>/g, "");
    expect(allHosts(topology)).toHaveLength(fleet.hosts);
    for (const { name, underlayAddress = "", overlayAddresses } of allHosts(topology))
      for (const word of [name, underlayAddress, ...overlayAddresses])
        expect(occurrences(text, word), word).toBe(1);
  });

  test("shows what is around the hosts, and the overlay", async () => {
    const picture = await render(fleetTopology({ hosts: 4, subnets: 2, existing: 1 }));
    const text = picture.replaceAll("&#45;", "-");
    for (const words of [
      "VCN 10.196.0.0/22",
      "Security List internal-hosts",
      "UDP 4789 between the hosts",
      "TCP 22 from 198.51.100.10/32",
      "Subnet front",
      "10.196.0.0/24, public",
      "10.196.1.0/24, private",
      "Existing hosts",
      "Overlay 192.168.0.0/24",
      "device vxlan0, VNI 100, UDP 4789, MTU 8950",
    ])
      expect(text).toContain(words);
  });

  test("says which hosts are a jump host, or down on purpose", async () => {
    const text = await render(
      fleetTopology({ hosts: 2 }, (environment) => {
        environment.ssh.via = "host01";
        environment.hosts.host02.down = true;
      }),
    );
    expect(occurrences(text, "jump host")).toBe(1);
    expect(occurrences(text, "down on purpose")).toBe(1);
  });

  test("shows names that mean something in HTML and in Mermaid as they are", async () => {
    const text = await render(
      fleetTopology({ hosts: 2 }, (environment) => {
        environment.network.securityList.name = 'a"]<b>&end';
      }),
    );
    expect(text).not.toContain("<b>&end");
    expect(text).toMatch(/a(&quot;|"|#34;)(\]|#93;)(&lt;|#60;)b(&gt;|#62;)(&amp;|#38;)end/);
  });
});

describe("what a picture shows", () => {
  test("of a stack that is not up: its config, with addresses that Oracle will choose", async () => {
    const environment = committedEnvironment("lab");
    delete environment.hosts.host01.instance.privateIp;
    const topology = topologyOf("lab", parsePlan(environment));
    expect(allHosts(topology).map(({ underlayAddress }) => underlayAddress)).toEqual([
      undefined,
      "10.196.218.226",
    ]);
    const svg = await svgOf(topology);
    expect(svg).toContain("address by Oracle");
    expect(svg).toContain("planned, from its config");
  });

  test("of a stack that is up: public addresses, MACs and the MTU as well", async () => {
    const svg = await svgOf(fleetTopology({ hosts: 2 }));
    for (const words of ["public 203.0.113.10", "42:1f:3b:98:36:11", "MTU 8950"])
      expect(svg).toContain(words);
    expect(svg).not.toContain("planned");
  });

  test("of existing hosts alone: no VCN", async () => {
    const svg = await svgOf(topologyOf("lab-existing", parsePlan(committedEnvironment("lab-existing"))));
    expect(svg).toContain("Existing hosts");
    expect(svg).not.toContain("VCN");
  });

  test.each([
    [true, "Security List and Network Security Group internal-hosts"],
    ["only", "Network Security Group internal-hosts"],
    [false, "Security List internal-hosts"],
  ])("of hosts with securityGroup: %s", (securityGroup, label) => {
    const topology = fleetTopology({ hosts: 4, subnets: 2 }, ({ network }) => {
      network.vcn = { id: "ocid1.vcn.oc1.eu-frankfurt-1.abcdefghijklmnop" };
      network.subnets.back = { id: "ocid1.subnet.oc1.eu-frankfurt-1.abcdefghijklmnop" };
      network.securityGroup = securityGroup;
    });
    expect(topology.vcn?.security.label).toBe(label);
    expect(topology.vcn?.subnets.map(({ isGuarded }) => isGuarded)).toEqual([true, securityGroup !== false]);
  });

  test("of subnets that exist: outside of the stack's Security List", () => {
    const topology = fleetTopology({ hosts: 4, subnets: 2 }, ({ network }) => {
      network.vcn = { id: "ocid1.vcn.oc1.eu-frankfurt-1.abcdefghijklmnop" };
      network.subnets.back = { id: "ocid1.subnet.oc1.eu-frankfurt-1.abcdefghijklmnop" };
    });
    expect(topology.vcn?.label).toBe("vcn …klmnop");
    expect(topology.vcn?.subnets.map(({ isGuarded, access }) => [isGuarded, access])).toEqual([
      [true, "public"],
      [false, "existing"],
    ]);
  });
});

describe("colours", () => {
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5]
      .map((start) => parseInt(colour.slice(start, start + 2), 16) / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (a: string, b: string) => {
    const [darker = 0, lighter = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (lighter + 0.05) / (darker + 0.05);
  };
  const { page, vcn, subnet, outside, plane, card, text, muted, ...lines } = PALETTE;
  const grounds = { page, vcn, subnet, outside, plane, card };

  describe.each(["light", "dark"] as const)("on a %s page", (scheme) => {
    test.each(Object.entries(grounds))("text can be read on %s", (_, ground) => {
      for (const letters of [text, muted])
        expect(contrast(letters[scheme], ground[scheme])).toBeGreaterThanOrEqual(4.5);
    });
    test.each(Object.entries(lines))("the line %s can be seen", (_, line) => {
      expect(contrast(line[scheme], page[scheme])).toBeGreaterThanOrEqual(3);
    });
  });

  test("each light colour has one meaning, by which the style sheet finds it", () => {
    const light = Object.values(PALETTE).map((each) => each.light);
    expect(new Set(light).size).toBe(light.length);
  });
});

const files = await pictureFiles();
test.each(Object.keys(files))("%s is what `npm run docs` writes", (path) => {
  expect(readFileSync(join(import.meta.dirname, "../..", path), "utf8")).toBe(files[path]);
});

describe("npm run diagram", () => {
  const folder = mkdtempSync(join(tmpdir(), "diagram-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const lab = topologyOf("lab", parsePlan(committedEnvironment("lab")));

  /** Runs it, without a login to any backend. */
  const diagram = async (...args: string[]) => {
    for (const name of ["PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN", "PULUMI_STACK"])
      vi.stubEnv(name, undefined);
    vi.stubEnv("PULUMI_HOME", folder);
    const printedTexts = { output: "", messages: "" };
    const exitCode = await runDiagram(
      args,
      (text) => (printedTexts.output += text),
      (text) => (printedTexts.messages += text),
    );
    return { exitCode, ...printedTexts };
  };
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(join(folder, "credentials.json"), { force: true });
  });

  test("draws a stack that is not up from its config, and says so", async () => {
    const file = join(folder, "lab.svg");
    expect(await diagram("--stack", "lab", "--output", file)).toEqual({
      exitCode: 0,
      output: "",
      messages: "diagram: drawn from the config, since pulumi is not logged in to a backend\n",
    });
    expect(readFileSync(file, "utf8")).toBe(await svgOf(lab));
  });

  /** Logs in to a backend, where `pulumi` answers with these lines of a shell script. */
  const logIn = (...lines: string[]) => {
    const pulumi = join(folder, "pulumi");
    writeFileSync(pulumi, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
    writeFileSync(join(folder, "credentials.json"), "{}");
    vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  };

  test("draws the selected stack with the outputs of its last up", async () => {
    const outputs = { macs: { host01: "42:1f:3b:98:36:78" }, mtu: 8950, lastVerified: {}, addresses: {} };
    logIn(
      'case "$*" in',
      '"stack --show-name --non-interactive --color=never") echo lab ;;',
      `"stack output --json --stack lab --non-interactive --color=never") echo '${JSON.stringify(outputs)}' ;;`,
      "*) exit 1 ;; esac",
    );
    const { exitCode, output, messages } = await diagram();
    expect([exitCode, messages]).toEqual([0, ""]);
    expect(output).toContain("42:1f:3b:98:36:78");
    expect(output).not.toContain("planned");
  });

  test.each([
    ["echo '{}'", "no `pulumi up` has ended well yet"],
    ["echo 'error: no stack named lab found' >&2; exit 255", "pulumi stack output: no stack named lab found"],
  ])("draws the config where pulumi has no outputs: %s", async (line, reason) => {
    logIn(line);
    const { exitCode, output, messages } = await diagram("--stack", "lab");
    expect([exitCode, messages]).toEqual([0, `diagram: drawn from the config, since ${reason}\n`]);
    expect(output).toContain("planned, from its config");
  });

  test("with --status ends with 2 where no status can be had", async () => {
    logIn('case "$2" in output) echo "{}" ;; *) echo "error: incorrect passphrase" >&2; exit 255 ;; esac');
    const { exitCode, output, messages } = await diagram("--stack", "lab", "--status");
    expect([exitCode, output]).toEqual([2, ""]);
    expect(messages).toMatch(/\ndiagram: pulumi stack export: incorrect passphrase\n$/);
  });

  test("prints Mermaid, and nothing else, of the config alone", async () => {
    const { exitCode, output, messages } = await diagram(
      "--stack",
      "lab",
      "--format",
      "mermaid",
      "--planned",
    );
    expect([exitCode, messages]).toEqual([0, ""]);
    expect(output).toBe(mermaidOf(lab));
  });

  test.each([
    [["--stack", "lab", "--format", "png"], 'there is no format "png": use svg or mermaid.'],
    [
      ["--stack", "nope"],
      "there is no stack nope: stacks/Pulumi.nope.yaml does not exist. There are example, lab,",
    ],
    [[], "name a stack with --stack. There are example, lab,"],
    [["--stack", "lab", "--planned", "--status"], "--planned asks no host: leave out --status or --planned."],
    [["--bogus"], "Unknown option '--bogus'"],
    [["--stack", "example"], "stacks/Pulumi.example.yaml has to be corrected first:\n  compartmentId: "],
    [["--stack", "lab", "--output", join(folder, "none", "lab.svg")], "ENOENT"],
  ])("with %j ends with 2 and says what is wrong", async (args, message) => {
    const { exitCode, output, messages } = await diagram(...args);
    expect([exitCode, output]).toEqual([2, ""]);
    expect(messages).toMatch(/^diagram: /);
    expect(messages).toContain(message);
  });

  test("describes itself", async () => {
    const { exitCode, output } = await diagram("--help");
    expect(exitCode).toBe(0);
    expect(output).toMatch(/--stack NAME[^]*--format svg\|mermaid[^]*--output FILE[^]*--planned[^]*--status/);
  });
});
