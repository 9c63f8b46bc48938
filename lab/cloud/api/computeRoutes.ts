import { invalid, missing } from "../model/errors.ts";
import { allImages, imageEntry } from "../model/image.ts";
import { launchInstance } from "../model/instance.ts";
import { updateInstance } from "../model/instanceUpdate.ts";
import { instanceAction, terminateInstance } from "../model/power.ts";
import { allShapes, shapesFor } from "../model/shape.ts";
import { workRequest, workRequestErrors, workRequestId } from "../model/workRequest.ts";
import { AVAILABILITY_DOMAINS } from "../region.ts";
import { readBody } from "./bodies.ts";
import { compartmentOf, filtered, page, sorted } from "./lists.ts";
import { crud, get, show, updates } from "./route.ts";
import type { Route } from "./route.ts";

/** Oracle's API for instances, images, shapes and boot volumes. */
export const computeRoutes: Route[] = [
  ...crud("/instances", "instances", {
    filters: ["availabilityDomain"],
    create: ({ cloud, body }) => {
      const instance = launchInstance(cloud, readBody("launchInstance", body));
      return show(instance, workRequestId(instance, "CREATED"));
    },
    update: ({ cloud, id, body }) => {
      const instance = updateInstance(cloud, id, readBody("updateInstance", body));
      return show(instance, workRequestId(instance, "UPDATED"));
    },
    remove: terminateInstance,
  }),
  {
    method: "POST",
    path: "/instances/{id}",
    kind: "instances",
    handle: ({ cloud, id, query }) => {
      const action = query.get("action");
      if (action === null) throw missing("action");
      return show(instanceAction(cloud, id, action));
    },
  },
  get("/workRequests/{id}", ({ cloud, id }) => show(workRequest(cloud, id))),
  get("/workRequests/{id}/errors", ({ cloud, id, query }) => page(workRequestErrors(cloud, id), query)),
  ...crud("/vnicAttachments", "vnicAttachments", {
    filters: ["availabilityDomain", "instanceId", "vnicId"],
  }),
  ...crud("/bootVolumes", "bootVolumes", {
    filters: ["availabilityDomain"],
    update: updates("updateBootVolume", (cloud, id, details) => cloud.update("bootVolumes", id, details)),
  }),
  ...crud("/bootVolumeAttachments", "bootVolumeAttachments", {
    filters: ["availabilityDomain", "instanceId", "bootVolumeId"],
  }),
  get("/images/{id}", ({ id }) => show(imageEntry(id).image)),
  get("/images", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    const shape = query.get("shape");
    const images = allImages().filter(
      ({ id }) => shape === null || shapesFor(imageEntry(id).processor).some((each) => each.shape === shape),
    );
    const filters = ["displayName", "operatingSystem", "operatingSystemVersion", "lifecycleState"];
    return page(sorted(filtered(images, query, filters), query), query);
  }),
  get("/shapes", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    const image = query.get("imageId");
    const shapes = image === null ? allShapes() : shapesFor(imageEntry(image).processor);
    const domain = query.get("availabilityDomain");
    if (domain !== null && !AVAILABILITY_DOMAINS.includes(domain))
      throw invalid(`The availability domain ${domain} does not exist.`);
    return page(filtered(shapes, query, ["shape"]), query);
  }),
  // The lab has no block volumes. Clients list an instance's volumes all the same.
  get("/volumeAttachments", ({ query }) => page([], query)),
];
