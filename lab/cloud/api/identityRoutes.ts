import { createHash } from "node:crypto";
import { invalid, missing } from "../model/errors.ts";
import { AVAILABILITY_DOMAINS, COMPARTMENT, FAULT_DOMAINS, REGION, TENANCY } from "../region.ts";
import { compartmentOf, page } from "./lists.ts";
import { get, show } from "./route.ts";
import type { Route } from "./route.ts";

const hashed = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 52);

const compartment = {
  id: COMPARTMENT,
  compartmentId: TENANCY,
  name: "lab",
  description: "The lab's only compartment",
  lifecycleState: "ACTIVE",
  timeCreated: "2026-01-01T00:00:00.000Z",
  freeformTags: {},
  definedTags: {},
};

/** Oracle's API for identity: availability domains, fault domains, compartments and regions. */
export const identityRoutes: Route[] = [
  get("/availabilityDomains", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    return page(
      AVAILABILITY_DOMAINS.map((name) => ({
        name,
        id: `ocid1.availabilitydomain.oc1..aaaaaaaa${hashed(name)}`,
        compartmentId: TENANCY,
      })),
      query,
    );
  }),
  get("/faultDomains", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    const availabilityDomain = query.get("availabilityDomain");
    if (availabilityDomain === null) throw missing("availabilityDomain");
    if (!AVAILABILITY_DOMAINS.includes(availabilityDomain))
      throw invalid(`The availability domain ${availabilityDomain} does not exist.`);
    return page(
      FAULT_DOMAINS.map((name) => ({
        name,
        id: `ocid1.faultdomain.oc1..aaaaaaaa${hashed(availabilityDomain + name)}`,
        compartmentId: TENANCY,
        availabilityDomain,
      })),
      query,
    );
  }),
  get("/compartments/{id}", ({ cloud, id }) => {
    cloud.checkCompartment(id);
    return show(id === COMPARTMENT ? compartment : { ...compartment, id: TENANCY, name: "root" });
  }),
  get("/compartments", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    return page(query.get("compartmentId") === TENANCY ? [compartment] : [], query);
  }),
  get("/regions", ({ query }) => page([{ key: "FRA", name: REGION }], query)),
  get("/tenancies/{id}/regionSubscriptions", ({ query }) =>
    page([{ regionKey: "FRA", regionName: REGION, status: "READY", isHomeRegion: true }], query),
  ),
];
