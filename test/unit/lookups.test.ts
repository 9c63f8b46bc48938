import { describe, expect, test } from "vitest";
import { chooseAllServices, chooseAvailabilityDomain, chooseImage } from "../../components/oci/lookups.ts";

describe("from the cloud's lists are chosen", () => {
  const names = ["Uocm:EU-FRANKFURT-1-AD-1", "Uocm:EU-FRANKFURT-1-AD-2"];
  const domains = names.map((name) => ({ name }));
  test("the first availability domain, or the one whose name ends so", () => {
    expect(chooseAvailabilityDomain(domains)).toBe(names[0]);
    expect(chooseAvailabilityDomain(domains, "AD-2")).toBe(names[1]);
    expect(chooseAvailabilityDomain(domains, "Uocm:EU-FRANKFURT-1-AD-2")).toBe(names[1]);
    expect(() => chooseAvailabilityDomain(domains, "AD-4")).toThrow(
      /no "AD-4" in this region: use one of Uocm/,
    );
  });
  test("nothing in a compartment that Oracle does not know, and the error says so", () => {
    expect(() => chooseAvailabilityDomain(undefined)).toThrow(/for this compartment: check compartmentId/);
    expect(() => chooseImage(undefined, "Ubuntu", "VM.X")).toThrow(
      /for this compartment: check compartmentId/,
    );
  });
  test("the service that stands for all of Oracle's, and an error where there is none", () => {
    const storage = { id: "a", cidrBlock: "oci-phx-objectstorage" };
    const all = { id: "b", cidrBlock: "all-phx-services-in-oracle-services-network" };
    expect(chooseAllServices([storage, all])).toBe(all);
    expect(() => chooseAllServices([storage])).toThrow(
      /\(it has oci-phx-objectstorage\): use subnets that are not/,
    );
  });
  test("the newest platform image, and an error where none runs on the shape", () => {
    const custom = { id: "custom", baseImageId: "new" };
    expect(chooseImage([custom, { id: "new", baseImageId: "" }, { id: "old" }], "Ubuntu", "VM.X")).toBe(
      "new",
    );
    for (const images of [[], [custom]])
      expect(() => chooseImage(images, "Ubuntu 24.04", "VM.X")).toThrow(
        /no platform image of "Ubuntu 24.04" runs on VM\.X.*custom image/,
      );
  });
});
