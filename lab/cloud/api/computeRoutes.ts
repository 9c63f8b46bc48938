import { capacityReport } from "../model/capacityReport.ts";
import { invalidParameter, missingParameter } from "../model/errors.ts";
import { allImages, imageEntry } from "../model/image.ts";
import { launchInstance } from "../model/instance.ts";
import { updateInstance } from "../model/instanceUpdate.ts";
import { instanceAction, terminateInstance } from "../model/power.ts";
import { allShapes, shapesFor } from "../model/shape.ts";
import { workRequest, workRequestErrors, workRequestId } from "../model/workRequest.ts";
import { AVAILABILITY_DOMAINS } from "../region.ts";
import { readBody } from "./requestBody.ts";
import { compartmentOf, filterItems, page, sortItems } from "./lists.ts";
import { change, crud, idOf, show, updates } from "./route.ts";
import type { Service } from "./route.ts";

/** Oracle's API for instances, images, shapes, capacity and boot volumes. */
export function addComputeRoutes(service: Service): void {
  addInstanceRoutes(service);
  addCatalogueRoutes(service);
  crud(service, "/vnicAttachments", "vnicAttachments", {
    filters: ["availabilityDomain", "instanceId", "vnicId"],
  });
  crud(service, "/bootVolumes", "bootVolumes", {
    filters: ["availabilityDomain"],
    update: updates("updateBootVolume", (cloud, id, details) => cloud.update("bootVolumes", id, details)),
  });
  crud(service, "/bootVolumeAttachments", "bootVolumeAttachments", {
    filters: ["availabilityDomain", "instanceId", "bootVolumeId"],
  });
  // The lab has no block volumes. Clients list an instance's volumes all the same.
  service.get("/volumeAttachments", (call) => page(call, []));
}

function addInstanceRoutes(service: Service): void {
  crud(service, "/instances", "instances", {
    filters: ["availabilityDomain"],
    create: async (call) => {
      const instance = launchInstance(call.var.cloud, await readBody("launchInstance", call));
      return show(call, instance, workRequestId(instance, "CREATED"));
    },
    update: async (call) => {
      const instance = updateInstance(call.var.cloud, idOf(call), await readBody("updateInstance", call));
      return show(call, instance, workRequestId(instance, "UPDATED"));
    },
    remove: terminateInstance,
    moves: true,
  });
  service.post("/instances/:id", change("instances"), (call) => {
    const action = call.req.query("action");
    if (action === undefined) throw missingParameter("action");
    return show(call, instanceAction(call.var.cloud, idOf(call), action));
  });
  service.get("/workRequests/:id", (call) => show(call, workRequest(call.var.cloud, idOf(call))));
  service.get("/workRequests/:id/errors", (call) =>
    page(call, workRequestErrors(call.var.cloud, idOf(call))),
  );
}

function addCatalogueRoutes(service: Service): void {
  service.get("/images/:id", (call) => show(call, imageEntry(idOf(call)).image));
  service.get("/images", (call) => {
    const compartment = compartmentOf(call);
    const shape = call.req.query("shape");
    // Platform images are in no compartment, and are listed in each.
    const images = allImages().filter(
      ({ id, compartmentId }) =>
        (compartmentId === null || compartmentId === compartment) &&
        (shape === undefined || shapesFor(imageEntry(id).processor).some((each) => each.shape === shape)),
    );
    const filters = ["displayName", "operatingSystem", "operatingSystemVersion", "lifecycleState"];
    return page(call, sortItems(call, filterItems(call, images, filters)));
  });
  service.get("/shapes", (call) => {
    compartmentOf(call);
    const { imageId, availabilityDomain } = call.req.query();
    const shapes = imageId === undefined ? allShapes() : shapesFor(imageEntry(imageId).processor);
    if (availabilityDomain !== undefined && !AVAILABILITY_DOMAINS.includes(availabilityDomain))
      throw invalidParameter(`The availability domain ${availabilityDomain} does not exist.`);
    return page(call, filterItems(call, shapes, ["shape"]));
  });
  service.post("/computeCapacityReports", async (call) =>
    call.json(capacityReport(call.var.cloud, await readBody("createComputeCapacityReport", call))),
  );
}
