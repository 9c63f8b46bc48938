import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { hostFiles } from "../../components/vxlan/phases/install.ts";
import { deviceSettings, devicePhase } from "../../components/vxlan/phases/device.ts";
import { deviceSettingsIn } from "../../components/vxlan/phases/install.ts";
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

describe("phase device's standard input", () => {
  const bytes = Buffer.from(/gzip -dc\n([^]*?)\nEND_OF/.exec(stdin)?.[1] ?? "", "base64");

  test("holds every file of the host side, packed", () => {
    const text = gunzipSync(bytes).toString();
    for (const file of hostFiles()) {
      expect(text).toContain(`install_file ${file.path} ${file.mode} <<'`);
      expect(text).toContain(file.text);
    }
    expect(stdin.length).toBeLessThan(text.length / 2);
  });

  test("packs them to the same bytes on every machine: the header names no time and no system", () => {
    expect([...bytes.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    expect(bytes[9]).toBe(3);
  });

  test("holds the settings as they are, so that a preview shows their change", () => {
    expect(deviceSettingsIn(stdin)).toBe(deviceSettings(...ARGUMENTS));
    expect(stdin).toContain("\nvni 100\n");
  });
});
