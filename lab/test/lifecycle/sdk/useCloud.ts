import { afterAll, beforeAll } from "vitest";
import { removeLab } from "../../../cli/teardown.ts";
import { startCloud } from "../../../cloud/daemonControl.ts";
import { openLab } from "../../../system/lab.ts";
import type { Lab } from "../../../system/lab.ts";
import { silentProgress } from "../../../system/progress.ts";
import { Builder } from "./builders.ts";
import { Sdk } from "./client.ts";

/** A cloud without hosts, and what calls it. */
interface Cloud {
  lab: Lab;
  sdk: Sdk;
  make: Builder;
}

/**
 * Starts a cloud for the tests of a file, and removes it after them.
 *
 * @param name of its lab
 * @returns the cloud, which is empty before the first test
 */
export function useCloud(name: string): Cloud {
  const cloud = {} as Cloud;
  beforeAll(async () => {
    await removeLab(openLab(name));
    cloud.lab = openLab(name);
    await startCloud(cloud.lab, silentProgress);
    cloud.sdk = new Sdk(cloud.lab);
    cloud.make = new Builder(cloud.lab, cloud.sdk);
  });
  afterAll(async () => {
    (cloud.sdk as Sdk | undefined)?.close(); // Undefined if beforeAll failed.
    await removeLab(cloud.lab);
  });
  return cloud;
}
