import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import {
  devicePhase,
  deviceSettings,
  interfaceAddresses,
  parseDeviceReport,
} from "../../components/vxlan/phases/device.ts";
import { delivery, deviceSettingsIn, hostFiles, hostSide } from "../../components/vxlan/phases/install.ts";
import { digestOf } from "../../components/vxlan/phases/phase.ts";
import { withDefaults } from "../../components/vxlan/settings.ts";

const OVERLAY = withDefaults({ cidrs: ["192.168.0.0/24"] });
const ARGUMENTS: Parameters<typeof devicePhase> = [
  { overlay: "lab.overlay", owner: "oci-vxlan/lab/overlay" },
  "0123456789abcdef",
  OVERLAY,
  { underlayAddress: "10.196.218.222", overlayAddresses: ["192.168.0.1"] },
  { generation: 0 },
];
const { stdin } = devicePhase(...ARGUMENTS);

describe("the delivery of the program", () => {
  const { input } = delivery("0123456789abcdef");
  const bytes = Buffer.from(/gzip -dc .*\n([^]*?)\nEND_OF/.exec(input)?.[1] ?? "", "base64");

  test("holds every file of the host side, compressed", () => {
    const text = gunzipSync(bytes).toString();
    for (const file of hostFiles()) {
      const word = `'${file.text.replaceAll("'", "'\\''")}'`;
      expect(text).toContain(`\nstage_file ${file.path} ${file.mode} ${word}\n`);
    }
    expect(input.length).toBeLessThan(text.length / 2);
  });

  test("names the release, as package.json has it", () => {
    const release = `\nRELEASE=${packageJson.version} # Phase device`;
    expect(gunzipSync(bytes).toString()).toContain(release);
  });

  test("has the same bytes on every machine: the header of gzip names no time and no system", () => {
    expect([...bytes.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    expect(bytes[9]).toBe(3);
  });

  test("writes the file that phase device of the same resource reads", () => {
    const [file = "none"] = /\/run\/oci-vxlan-program-\w+/.exec(input) ?? [];
    expect(stdin).toContain(`$(cat ${file})`);
  });
});

describe("phase device's standard input", () => {
  test("names the program by its digest alone, since the state holds this text twice for each host", () => {
    expect(stdin).toMatch(/^# program [0-9a-f]{64}\n/);
    expect(stdin.length).toBeLessThan(1_000);
  });

  test("does not differ by the release, so that a release with the same program changes no host", () => {
    const withoutRelease = hostSide().replace(`\nRELEASE=${packageJson.version} `, "\nRELEASE= ");
    expect(stdin).toContain(`# program ${digestOf(withoutRelease)}\n`);
  });

  test("holds the settings as plain text, so that a preview shows their change", () => {
    expect(deviceSettingsIn(stdin)).toBe(deviceSettings(...ARGUMENTS));
    expect(stdin).toContain("\nvni 100\n");
  });
});

test("overlay addresses get the prefix length of the network they lie in", () => {
  const host = { underlayAddress: "10.0.0.1", overlayAddresses: ["fd00::1", "192.168.0.1"] };
  expect(interfaceAddresses({ cidrs: ["192.168.0.0/24", "fd00::/64"] }, host)).toEqual([
    "fd00::1/64",
    "192.168.0.1/24",
  ]);
});

const LINE =
  "oci-vxlan device mac=3e:2b:74:81:9d:b1 mtu=9000 installation=5d3b6a8e-2f5c-4f0e-9d43-0c1d2e3f4a5b";

describe("the device report", () => {
  test("is read from its one line", () =>
    expect(parseDeviceReport("host01", LINE)).toEqual({
      host: "host01",
      mac: "3e:2b:74:81:9d:b1",
      underlayMtu: 9000,
      installation: "5d3b6a8e-2f5c-4f0e-9d43-0c1d2e3f4a5b",
    }));

  test("is found behind a login banner, which is never taken for it", () => {
    expect(parseDeviceReport("host01", `Authorized use only: 00:11:22:33:44:55\n${LINE}`).mac).toBe(
      "3e:2b:74:81:9d:b1",
    );
    expect(() => parseDeviceReport("host01", "Authorized use only: 00:11:22:33:44:55")).toThrow(
      /^host01: expected one line/,
    );
  });

  test.each([
    ["a group address", LINE.replace("3e:", "3f:")],
    ["no address", LINE.replace(/mac=\S+/, "mac=00:00:00:00:00:00")],
    ["no MAC", LINE.replace(/mac=\S+/, "mac=vxlan0")],
  ])("with %s is refused", (_, line) => expect(() => parseDeviceReport("host01", line)).toThrow(/is no MAC/));

  test.each(["$(reboot)", "5D3B6A8E-2F5C-4F0E-9D43-0C1D2E3F4A5B", "1;reboot", "2c0ffee"])(
    "with the installation id %s, which is no UUID, is refused",
    (id) =>
      expect(() =>
        parseDeviceReport("host01", LINE.replace(/installation=.*/, `installation=${id}`)),
      ).toThrow(/expected one line/),
  );

  test("that is refused is quoted without what a terminal would obey", () => {
    const refusal = (stdout: string) => {
      try {
        parseDeviceReport("host01", stdout);
      } catch (error) {
        return (error as Error).message;
      }
      return "accepted";
    };
    const commands = "\u001B[2J\u009B2J\u0007\u202E";
    for (const text of [`${commands}banner`, LINE.replace("3e:", `${commands}3e:`)]) {
      expect(refusal(text)).toMatch(/expected one line|is no MAC/);
      expect(refusal(text)).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/);
    }
  });

  test("given twice is refused", () =>
    expect(() => parseDeviceReport("host01", `${LINE}\n${LINE}`)).toThrow(/got 2 in/));
});
