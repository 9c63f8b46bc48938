import { describe, expect, test } from "vitest";
import { parseDeviceReport } from "../../components/vxlan/phases/device.ts";

const LINE = "oci-vxlan device mac=3e:2b:74:81:9d:b1 mtu=9000 installation=2c0ffee";

describe("the device report", () => {
  test("is read from its one line", () =>
    expect(parseDeviceReport("host01", LINE)).toEqual({
      mac: "3e:2b:74:81:9d:b1",
      underlayMtu: 9000,
      installation: "2c0ffee",
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

  test("given twice is refused", () =>
    expect(() => parseDeviceReport("host01", `${LINE}\n${LINE}`)).toThrow(/got 2 in/));
});
