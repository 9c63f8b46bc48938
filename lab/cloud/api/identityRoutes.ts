import { createHash } from "node:crypto";
import { invalidParameter, missingParameter } from "../model/errors.ts";
import {
  AVAILABILITY_DOMAINS,
  COMPARTMENT,
  FAULT_DOMAINS,
  REGION,
  SECOND_COMPARTMENT,
  TENANCY,
} from "../region.ts";
import { compartmentOf, page } from "./lists.ts";
import { idOf, show } from "./route.ts";
import type { Service } from "./route.ts";

const hashText = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 52);

const compartment = (id: string, name: string) => ({
  id,
  compartmentId: TENANCY,
  name,
  description: `The lab's compartment ${name}`,
  lifecycleState: "ACTIVE",
  timeCreated: "2026-01-01T00:00:00.000Z",
  freeformTags: {},
  definedTags: {},
});
const ROOT = compartment(TENANCY, "root");
const COMPARTMENTS = [compartment(COMPARTMENT, "lab"), compartment(SECOND_COMPARTMENT, "second")];

/** Oracle's API for identity: availability domains, fault domains, compartments and regions. */
export function addIdentityRoutes(service: Service): void {
  service.get("/availabilityDomains", (call) => {
    compartmentOf(call);
    const domains = AVAILABILITY_DOMAINS.map((name) => ({
      name,
      id: `ocid1.availabilitydomain.oc1..aaaaaaaa${hashText(name)}`,
      compartmentId: TENANCY,
    }));
    return page(call, domains);
  });
  service.get("/faultDomains", (call) => {
    compartmentOf(call);
    const { availabilityDomain } = call.req.query();
    if (availabilityDomain === undefined) throw missingParameter("availabilityDomain");
    if (!AVAILABILITY_DOMAINS.includes(availabilityDomain))
      throw invalidParameter(`The availability domain ${availabilityDomain} does not exist.`);
    const domains = FAULT_DOMAINS.map((name) => ({
      name,
      id: `ocid1.faultdomain.oc1..aaaaaaaa${hashText(availabilityDomain + name)}`,
      compartmentId: TENANCY,
      availabilityDomain,
    }));
    return page(call, domains);
  });
  service.get("/compartments/:id", (call) => {
    const id = idOf(call);
    call.var.cloud.checkCompartment(id);
    return show(call, COMPARTMENTS.find((each) => each.id === id) ?? ROOT);
  });
  service.get("/compartments", (call) => page(call, compartmentOf(call) === TENANCY ? COMPARTMENTS : []));
  service.get("/regions", (call) => page(call, [{ key: "FRA", name: REGION }]));
  service.get("/tenancies/:id/regionSubscriptions", (call) =>
    page(call, [{ regionKey: "FRA", regionName: REGION, status: "READY", isHomeRegion: true }]),
  );
}
