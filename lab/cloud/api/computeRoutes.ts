import { invalid, missing } from "../errors.ts";
import { updateCommon } from "../model/cloud.ts";
import { allImages, imageEntry } from "../model/image.ts";
import { launchInstance, updateInstance } from "../model/instance.ts";
import { instanceAction, terminateInstance } from "../model/power.ts";
import { allShapes, shapesFor } from "../model/shape.ts";
import { workRequest, workRequestErrors, workRequestId } from "../model/workRequest.ts";
import { AVAILABILITY_DOMAINS } from "../region.ts";
import { readBody } from "./bodies.ts";
import { compartmentOf, filtered, page, sorted } from "./lists.ts";
import { changing, get, reading, show } from "./route.ts";
import type { Route } from "./route.ts";

/** What Oracle's API for instances, their volumes and images answers to. */
export const computeRoutes: Route[] = [
  ...reading("/instances", "instances", ["availabilityDomain"]),
  ...changing("/instances", "instances", {
    remove: ({ cloud, id }) => terminateInstance(cloud, id),
  }),
  {
    method: "POST",
    path: "/instances",
    kind: "instances",
    handle: ({ cloud, body }) => {
      const instance = launchInstance(cloud, readBody("launchInstance", body));
      return show(instance, workRequestId(instance, "CREATED"));
    },
  },
  {
    method: "PUT",
    path: "/instances/{id}",
    kind: "instances",
    handle: ({ cloud, id, body }) => {
      const instance = updateInstance(cloud, id, readBody("updateInstance", body));
      return show(instance, workRequestId(instance, "UPDATED"));
    },
  },
  get("/workRequests/{id}", ({ cloud, id }) => show(workRequest(cloud, id))),
  get("/workRequests/{id}/errors", ({ cloud, id, query }) => page(workRequestErrors(cloud, id), query)),
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
  ...reading("/vnicAttachments", "vnicAttachments", ["availabilityDomain", "instanceId", "vnicId"]),
  ...reading("/bootVolumes", "bootVolumes", ["availabilityDomain"]),
  ...changing("/bootVolumes", "bootVolumes", {
    update: ({ cloud, id, body }) => {
      const volume = cloud.get("bootVolumes", id);
      updateCommon(volume, readBody("updateBootVolume", body));
      return volume;
    },
  }),
  ...reading("/bootVolumeAttachments", "bootVolumeAttachments", [
    "availabilityDomain",
    "instanceId",
    "bootVolumeId",
  ]),
  get("/images/{id}", ({ id }) => show(imageEntry(id).image)),
  get("/images", ({ cloud, query }) => {
    compartmentOf(cloud, query);
    const shape = query.get("shape");
    const fitting = allImages().filter(
      ({ id }) => shape === null || shapesFor(imageEntry(id).processor).some((each) => each.shape === shape),
    );
    const filters = ["displayName", "operatingSystem", "operatingSystemVersion", "lifecycleState"];
    return page(sorted(filtered(fitting, query, filters), query), query);
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
  // Nothing in the lab asks for volumes of its own; clients ask whether there are any.
  get("/volumeAttachments", ({ query }) => page([], query)),
];
