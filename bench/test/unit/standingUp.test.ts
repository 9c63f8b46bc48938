import { describe, expect, test } from "vitest";
import { fleet, inventoryOf } from "../../fleet.ts";
import { parseEvent, phasesOf } from "../../standing-up/eventLog.ts";
import { normalize, refuseDifference } from "../../standing-up/kernelTables.ts";

describe("a fleet", () => {
  test("of a thousand hosts has an address of its own for each, on both networks", () => {
    const hosts = fleet(1_000);
    expect(new Set(hosts.map(({ underlay }) => underlay)).size).toBe(1_000);
    expect(new Set(hosts.map(({ overlay }) => overlay)).size).toBe(1_000);
    expect(hosts[0]).toEqual({ name: "node0001", underlay: "10.200.0.2", overlay: "192.168.0.2" });
    expect(hosts[250]?.underlay).toBe("10.200.1.2");
  });

  test("has a MAC for each NIC", () => {
    expect(inventoryOf(fleet(1))["node0001"]).toMatchObject({
      address: "10.200.0.2/16",
      mac: "02:00:0a:c8:00:02",
    });
  });
});

describe("kernel tables", () => {
  const hosts = fleet(2);

  test("are compared with names in place of MACs, and without order", () => {
    const first = "aa:aa:aa:aa:aa:02 dst 10.200.0.3 self permanent\n{10.200.0.3,10.200.0.2}";
    const second = "{10.200.0.2,10.200.0.3}\nbb:bb:bb:bb:bb:02 dst 10.200.0.3 self permanent";
    expect(normalize(first, hosts, ["aa:aa:aa:aa:aa:01", "aa:aa:aa:aa:aa:02"])).toEqual(
      normalize(second, hosts, ["bb:bb:bb:bb:bb:01", "bb:bb:bb:bb:bb:02"]),
    );
  });

  test("that differ are refused, with the line that differs", () => {
    expect(() => refuseDifference(["a", "b"], ["b", "c"])).toThrow("a is missing, c is in excess");
    expect(() => refuseDifference(["a", "b"], ["b", "a"])).not.toThrow();
  });
});

test("the time of an up is divided at the last event of each part", () => {
  const step = (at: number, operation: string, name: string) => ({
    at,
    kind: "resOutputsEvent",
    operation,
    name,
  });
  const events = [
    { at: 10, kind: "preludeEvent" },
    step(20, "refresh", "overlay-a-device"),
    step(30, "refresh", "overlay-a-peers"),
    step(50, "create", "overlay-a-device"),
    step(55, "create", "overlay-b-device"),
    step(80, "create", "overlay-a-peers"),
  ];
  expect(phasesOf(events, 0, 100)).toEqual({
    "engine starts": 10,
    refresh: 20,
    "program and phase device": 25,
    "phase peers": 25,
    "connectivity test and end": 20,
  });
});

test("an event is read from the beginning of its line", () => {
  const line = `{"sequence":7,"timestamp":1795794000,"resOutputsEvent":{"metadata":{"op":"same","urn":"urn:pulumi:lab::p::t::overlay-a-peers","type":"t","old":{}}}}`;
  expect(parseEvent(5, line)).toEqual({
    at: 5,
    kind: "resOutputsEvent",
    operation: "same",
    name: "overlay-a-peers",
  });
  expect(parseEvent(6, `{"sequence":8,"timestamp":1795794000,"preludeEvent":{"config":{}}}`)).toMatchObject({
    at: 6,
    kind: "preludeEvent",
  });
});
