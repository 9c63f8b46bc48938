import { describe, expect, test } from "vitest";
import { capacityAdvice, capacityPause } from "../../components/oci/capacity.ts";

const NO_CAPACITY = "500-InternalError, Out of host capacity.";

describe("advice is given", () => {
  test("where OCI has no capacity, or a limit is reached", () => {
    expect(capacityAdvice("host02", "VM.X", "500-InternalError, Out of host capacity.")).toMatch(
      /host02 \(VM\.X\).*run it again later.*availabilityDomain.*another shape/,
    );
    expect(capacityAdvice("host02", "VM.X", "400-LimitExceeded, …")).toMatch(/service limits/);
  });
  test("for no other error", () => {
    expect(capacityAdvice("host02", "VM.X", "404-NotAuthorizedOrNotFound")).toBeUndefined();
  });
});

describe("a launch is tried again", () => {
  test("after five to six minutes where OCI has no capacity", () => {
    expect(capacityPause(NO_CAPACITY, 0, 60, 0)).toBe(5);
    expect(capacityPause(NO_CAPACITY, 0, 60, 1)).toBe(6);
  });
  test("after twice as long where OCI throttles", () => {
    expect(capacityPause("429-TooManyRequests, Too many requests for the user", 0, 60, 0)).toBe(10);
  });
  test("only if the pause ends in time, and not at all by default", () => {
    expect(capacityPause(NO_CAPACITY, 55, 60, 0)).toBe(5);
    expect(capacityPause(NO_CAPACITY, 55.1, 60, 0)).toBeUndefined();
    expect(capacityPause(NO_CAPACITY, 0, 0, 0)).toBeUndefined();
  });
  test("for no other error", () => {
    expect(capacityPause("400-LimitExceeded, …", 0, 60)).toBeUndefined();
    expect(capacityPause("404-NotAuthorizedOrNotFound", 0, 60)).toBeUndefined();
  });
});
