import { describe, expect, test } from "vitest";
import { changeFaults, readFaults } from "../../cloud/faults.ts";
import { AVAILABILITY_DOMAINS, COMPARTMENT, TENANCY } from "../../cloud/region.ts";
import { useCloud } from "./sdk/useCloud.ts";

/** The capacity reports of the lab's cloud. */
describe("a capacity report of the cloud", () => {
  const cloud = useCloud("test-capacity-reports");
  const compute = (method: string, request: object) => cloud.sdk.call("compute", method, request);
  const compartmentId = COMPARTMENT;
  const [availabilityDomain] = AVAILABILITY_DOMAINS;
  const size = { ocpus: 2, memoryInGBs: 12 };
  const arm = { instanceShape: "VM.Standard.A1.Flex", instanceShapeConfig: size };
  const micro = { instanceShape: "VM.Standard.E2.1.Micro", faultDomain: "FAULT-DOMAIN-2" };
  const reportDetails = (change: object = {}) => ({
    createComputeCapacityReportDetails: {
      compartmentId: TENANCY,
      availabilityDomain,
      shapeAvailabilities: [arm, micro],
      ...change,
    },
  });
  const report = async (change?: object) =>
    (await compute("createComputeCapacityReport", reportDetails(change))).computeCapacityReport;
  const limitLaunches = (capacity: number, skipFirst: number) =>
    changeFaults(cloud.lab, (faults) => Object.assign(faults, { capacity, skipFirst }));

  test("says for each shape whether it can be launched, and repeats what was asked", async () => {
    const other = { instanceShape: "VM.Standard.E5.Flex" };
    const answer = await report({ shapeAvailabilities: [arm, micro, other] });
    expect(answer).toEqual({
      compartmentId: TENANCY,
      availabilityDomain,
      shapeAvailabilities: [
        { ...arm, availabilityStatus: "AVAILABLE" },
        { ...micro, availabilityStatus: "AVAILABLE" },
        { ...other, availabilityStatus: "HARDWARE_NOT_SUPPORTED" },
      ],
      timeCreated: expect.any(String),
    });
    expect(Math.abs(Date.parse(answer.timeCreated) - Date.now())).toBeLessThan(60_000);
  });

  test("follows the fault of no capacity, and does not use it up", async () => {
    limitLaunches(1, 2);
    const available = { availabilityStatus: "AVAILABLE", availableCount: 2 };
    expect((await report()).shapeAvailabilities).toMatchObject([available, available]);
    limitLaunches(1, 0);
    const full = { availabilityStatus: "OUT_OF_HOST_CAPACITY", availableCount: 0 };
    for (let time = 0; time < 2; time++)
      expect((await report()).shapeAvailabilities).toMatchObject([full, full]);
    expect(readFaults(cloud.lab).capacity).toBe(1);
    limitLaunches(0, 0);
    expect((await report()).shapeAvailabilities[0].availabilityStatus).toBe("AVAILABLE");
  });

  test("follows the fault of full availability domains, which their launches meet", async () => {
    changeFaults(cloud.lab, (faults) => (faults.fullDomains = [availabilityDomain ?? ""]));
    const full = { availabilityStatus: "OUT_OF_HOST_CAPACITY", availableCount: 0 };
    expect((await report()).shapeAvailabilities).toMatchObject([full, full]);
    const [, other] = AVAILABILITY_DOMAINS;
    expect((await report({ availabilityDomain: other })).shapeAvailabilities[0].availabilityStatus).toBe(
      "AVAILABLE",
    );
    const launchInstanceDetails = { compartmentId, availabilityDomain, shape: "VM.Standard.A1.Flex" };
    const refusal = await cloud.sdk.refusal("compute", "launchInstance", { launchInstanceDetails });
    expect([refusal.status, refusal.message]).toEqual([500, "Out of host capacity."]);
    changeFaults(cloud.lab, (faults) => (faults.fullDomains = []));
  });

  test("is refused by the fault that stands for a missing policy", async () => {
    changeFaults(cloud.lab, (faults) => (faults.unknownCapacity = true));
    const refusal = await cloud.sdk.refusal("compute", "createComputeCapacityReport", reportDetails());
    expect([refusal.status, refusal.code]).toEqual([404, "NotAuthorizedOrNotFound"]);
    changeFaults(cloud.lab, (faults) => (faults.unknownCapacity = false));
  });

  test.each<[string, object, number, string, RegExp]>([
    [
      "a compartment below the root",
      { compartmentId },
      ...([404, "NotAuthorizedOrNotFound", /compartment/] as const),
    ],
    [
      "an unknown availability domain",
      { availabilityDomain: "XYZ:AD-1" },
      ...([400, "InvalidParameter", /XYZ:AD-1/] as const),
    ],
    [
      "an unknown fault domain",
      { shapeAvailabilities: [{ ...arm, faultDomain: "FAULT-DOMAIN-4" }] },
      ...([400, "InvalidParameter", /FAULT-DOMAIN-4/] as const),
    ],
    ["no shape", { shapeAvailabilities: [{}] }, 400, "MissingParameter", /instanceShape/],
  ])("is refused for %s", async (_, change, status, code, message) => {
    const refusal = await cloud.sdk.refusal("compute", "createComputeCapacityReport", reportDetails(change));
    expect([refusal.status, refusal.code]).toEqual([status, code]);
    expect(refusal.message).toMatch(message);
  });
});
