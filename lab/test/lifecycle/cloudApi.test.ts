import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { accessEnvironment, configFile } from "../../cloud/access.ts";
import { changeFaults } from "../../cloud/faults.ts";
import { AVAILABILITY_DOMAINS, COMPARTMENT, SERVICE_HOSTS } from "../../cloud/region.ts";
import { attempt, until } from "../../system/commands.ts";
import { asOperator } from "../../pulumi/operator.ts";
import { Sdk } from "./sdk/client.ts";
import { useCloud } from "./sdk/useCloud.ts";

/** What all requests to the lab's cloud share, called by Oracle's own SDK, and the lists of what Oracle offers. */
describe("the cloud's API", () => {
  const cloud = useCloud("test-api");
  const compute = (method: string, request: object) => cloud.sdk.call("compute", method, request);
  const network = (method: string, request: object) => cloud.sdk.call("network", method, request);
  const compartmentId = COMPARTMENT;

  describe("authentication", () => {
    test("an unknown key gets 401 in Oracle's form", async () => {
      const { privateKey } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
        publicKeyEncoding: { type: "spki", format: "pem" },
      });
      const key = join(cloud.lab.directory, "unknown.pem");
      const config = join(cloud.lab.directory, "unknown.config");
      writeFileSync(key, privateKey, { mode: 0o600 });
      writeFileSync(
        config,
        readFileSync(configFile(cloud.lab), "utf8").replace(/^key_file=.*$/m, `key_file=${key}`),
      );
      const unknownCaller = new Sdk(cloud.lab, { OCI_CONFIG_FILE: config });
      const refusal = await unknownCaller.refusal("network", "listVcns", { compartmentId });
      unknownCaller.close();
      expect([refusal.status, refusal.code]).toEqual([401, "NotAuthenticated"]);
      expect(refusal.requestId).toMatch(/[0-9A-F]{32}$/);
    });

    test("a request without a signature gets 401", async () => {
      const url = `https://${SERVICE_HOSTS[0]}/20160918/vcns?compartmentId=${compartmentId}`;
      const script = `fetch(${JSON.stringify(url)}).then(async (r) => console.log(r.status, await r.text()))`;
      const { stdout } = await attempt(asOperator(cloud.lab, [process.execPath, "-e", script]), {
        env: accessEnvironment(cloud.lab),
      });
      expect(stdout).toMatch(/^401 \{"code":"NotAuthenticated","message":"The required information/);
    });

    test("a compartment of another user gets 404", async () => {
      const refusal = await cloud.sdk.refusal("network", "listVcns", { compartmentId: `${compartmentId}x` });
      expect([refusal.status, refusal.code]).toEqual([404, "NotAuthorizedOrNotFound"]);
    });
  });

  test("lists availability domains, fault domains, images and shapes", async () => {
    const names = ({ items }: any) =>
      items.map(({ name, displayName, shape }: any) => name ?? displayName ?? shape);
    expect(names(await cloud.sdk.call("identity", "listAvailabilityDomains", { compartmentId }))).toEqual(
      AVAILABILITY_DOMAINS,
    );
    const [availabilityDomain] = AVAILABILITY_DOMAINS;
    expect(
      names(await cloud.sdk.call("identity", "listFaultDomains", { compartmentId, availabilityDomain })),
    ).toEqual(["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"]);
    const ubuntu = { compartmentId, operatingSystem: "Canonical Ubuntu", operatingSystemVersion: "24.04" };
    expect(names(await compute("listImages", { ...ubuntu, shape: "VM.Standard.A1.Flex" }))).toEqual([
      "Canonical-Ubuntu-24.04-aarch64-2026.10.01-0",
    ]);
    expect(names(await compute("listImages", { ...ubuntu, shape: "VM.Standard.E2.1.Micro" }))).toEqual([
      "hardened-Canonical-Ubuntu-24.04-2026.10.01-0",
      "Canonical-Ubuntu-24.04-2026.10.01-0",
    ]);
    expect(names(await compute("listShapes", { compartmentId }))).toEqual([
      "VM.Standard.E4.Flex",
      "VM.Standard.E3.Flex",
      "VM.Standard.A1.Flex",
      "VM.Standard.E2.1.Micro",
    ]);
  });

  test("an injected API error, for as many requests as the fault says", async () => {
    changeFaults(cloud.lab, (faults) => faults.api.push({ code: "TooManyRequests", status: 429, count: 2 }));
    for (let time = 0; time < 2; time++) {
      const refusal = await cloud.sdk.refusal("network", "listVcns", { compartmentId });
      expect([refusal.status, refusal.code]).toEqual([429, "TooManyRequests"]);
    }
    await network("listVcns", { compartmentId });
  });

  describe("with a network in it", () => {
    let subnet: any;
    beforeAll(async () => {
      const vcn = await cloud.make.vcn("10.0.0.0/16", { displayName: "first" });
      subnet = await cloud.make.subnet(vcn.id, "10.0.1.0/24");
    });

    test("a change of an older version is refused", async () => {
      const { etag } = await network("getSubnet", { subnetId: subnet.id });
      const update = (displayName: string, ifMatch: string) => ({
        subnetId: subnet.id,
        updateSubnetDetails: { displayName },
        ifMatch,
      });
      await network("updateSubnet", update("renamed", etag));
      const refusal = await cloud.sdk.refusal("network", "updateSubnet", update("again", etag));
      expect([refusal.status, refusal.code]).toEqual([412, "NoEtagMatch"]);
    });

    test("a repeated request with the same retry token creates nothing", async () => {
      const request = {
        createVcnDetails: { compartmentId, cidrBlocks: ["10.77.0.0/16"] },
        opcRetryToken: "once",
      };
      const first = (await network("createVcn", request)).vcn.id;
      expect((await network("createVcn", request)).vcn.id).toBe(first);
      await network("deleteVcn", { vcnId: first });
      await until("the end of the VCN", 20_000, async () => {
        const status = await network("getVcn", { vcnId: first }).catch((error) => error.status);
        return status === 404;
      });
    });

    test("lists are filtered, sorted and paged", async () => {
      const names = ["c", "a", "b"];
      const vcns = [];
      for (const displayName of names) vcns.push(await cloud.make.vcn("10.50.0.0/16", { displayName }));
      const first = await network("listVcns", { compartmentId, sortBy: "DISPLAYNAME", limit: 2 });
      expect(first.items.map(({ displayName }: any) => displayName)).toEqual(["a", "b"]);
      const secondPage = await network("listVcns", {
        compartmentId,
        sortBy: "DISPLAYNAME",
        page: first.opcNextPage,
      });
      expect(secondPage.items.map(({ displayName }: any) => displayName)).toEqual(["c", "first"]);
      const filteredList = await network("listVcns", { compartmentId, displayName: "b" });
      expect(filteredList.items).toHaveLength(1);
      for (const { id } of vcns) await network("deleteVcn", { vcnId: id });
    });
  });
});
