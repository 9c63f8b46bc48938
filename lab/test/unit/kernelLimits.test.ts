import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { raiseKernelLimits, restoreKernelLimits } from "../../network/kernelLimits.ts";

const NEIGHBOURS = "net/ipv4/neigh/default/gc_thresh3";
const INOTIFY = "fs/inotify/max_user_instances";
const ROUTER = "ocivx-0123-4567-router";
const noNamespaces = () => [];

describe("limits of the kernel", () => {
  let folder: string;
  let places: { sysctls: string; savedLimits: string };
  const file = (name: string) => join(folder, "sys", name);
  const readLimit = (name: string) => Number(readFileSync(file(name), "utf8"));
  const write = (name: string, value: number) => {
    mkdirSync(dirname(file(name)), { recursive: true });
    writeFileSync(file(name), `${value}\n`);
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "limits-"));
    places = { sysctls: join(folder, "sys"), savedLimits: join(folder, "saved") };
    write(NEIGHBOURS, 1_024);
    write(INOTIFY, 128);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("have room for a hundred hosts in one subnet while a lab runs, and are as before afterwards", () => {
    raiseKernelLimits(places);
    expect(readLimit(NEIGHBOURS)).toBeGreaterThan(100 * 99 * 2);
    expect(readLimit(INOTIFY)).toBeGreaterThan(100 * 10);
    restoreKernelLimits(places, noNamespaces);
    expect([readLimit(NEIGHBOURS), readLimit(INOTIFY)]).toEqual([1_024, 128]);
  });

  test("stay raised until the last lab of the machine has ended", () => {
    raiseKernelLimits(places);
    raiseKernelLimits(places); // A second lab.
    restoreKernelLimits(places, () => [ROUTER, "somebody-else"]);
    expect(readLimit(NEIGHBOURS)).toBe(65_536);
    restoreKernelLimits(places, () => ["somebody-else"]);
    expect(readLimit(NEIGHBOURS)).toBe(1_024);
  });

  test("are raised for a lab that starts while the last one ends, and are put back when it has ended too", () => {
    raiseKernelLimits(places);
    const namespaces = [[], [ROUTER]];
    restoreKernelLimits(places, () => namespaces.shift() ?? []);
    expect([readLimit(NEIGHBOURS), readLimit(INOTIFY)]).toEqual([65_536, 8_192]);
    restoreKernelLimits(places, noNamespaces);
    expect([readLimit(NEIGHBOURS), readLimit(INOTIFY)]).toEqual([1_024, 128]);
  });

  test("that were lowered while a lab runs are raised by the next lab, and the first values are put back", () => {
    raiseKernelLimits(places);
    write(INOTIFY, 256);
    raiseKernelLimits(places);
    expect(readLimit(INOTIFY)).toBe(8_192);
    restoreKernelLimits(places, noNamespaces);
    expect(readLimit(INOTIFY)).toBe(128);
  });

  test("that are higher already are left alone, and so are those that somebody sets meanwhile", () => {
    write(NEIGHBOURS, 1_000_000);
    raiseKernelLimits(places);
    expect(readLimit(NEIGHBOURS)).toBe(1_000_000);
    write(INOTIFY, 500);
    restoreKernelLimits(places, noNamespaces);
    expect([readLimit(NEIGHBOURS), readLimit(INOTIFY)]).toEqual([1_000_000, 500]);
  });
});
