import type { Cloud } from "../model/cloud.ts";
import {
  addRules,
  createGroup,
  deleteGroup,
  removeRules,
  rulesOf,
  shownRule,
  updateRules,
  vnicsIn,
} from "../model/networkSecurityGroup.ts";
import type { Vnic } from "../model/resources.ts";
import { readBody } from "./requestBody.ts";
import { filterItems, page } from "./lists.ts";
import { change, creates, crud, idOf, show, updates } from "./route.ts";
import type { Call, Service } from "./route.ts";

/** Oracle's API for network security groups, whose rules are added, changed and removed by actions. */
export function addSecurityGroupRoutes(service: Service): void {
  const path = "/networkSecurityGroups";
  const kind = "networkSecurityGroups";
  crud(service, path, kind, {
    filters: ["vcnId"],
    create: creates("createNetworkSecurityGroup", createGroup),
    update: updates("updateNetworkSecurityGroup", (cloud, id, details) => cloud.update(kind, id, details)),
    remove: deleteGroup,
    moves: true,
  });
  service.get(`${path}/:id/securityRules`, (call) => {
    const { cloud } = call.var;
    const rules = filterItems(call, rulesOf(cloud, idOf(call)), ["direction"]);
    return page(
      call,
      rules.map((rule) => shownRule(cloud, rule)),
    );
  });
  service.get(`${path}/:id/vnics`, (call) => {
    const { cloud } = call.var;
    cloud.get(kind, idOf(call));
    return page(
      call,
      vnicsIn(cloud, idOf(call)).map((vnic) => membership(cloud, vnic)),
    );
  });
  service.post(`${path}/:id/actions/addSecurityRules`, change(kind), async (call) =>
    showRules(call, addRules(call.var.cloud, idOf(call), await readBody("addSecurityRules", call))),
  );
  service.post(`${path}/:id/actions/updateSecurityRules`, change(kind), async (call) =>
    showRules(call, updateRules(call.var.cloud, idOf(call), await readBody("updateSecurityRules", call))),
  );
  service.post(`${path}/:id/actions/removeSecurityRules`, change(kind), async (call) => {
    removeRules(call.var.cloud, idOf(call), await readBody("removeSecurityRules", call));
    return call.body(null, 204);
  });
}

const showRules = (call: Call, rules: ReturnType<typeof rulesOf>): Response =>
  show(call, { securityRules: rules.map((rule) => shownRule(call.var.cloud, rule)) } as object);

/** A VNIC in a group, and the instance that it belongs to. */
function membership(cloud: Cloud, { id: vnicId, timeCreated: timeAssociated }: Vnic): object {
  const attachment = cloud.all("vnicAttachments").find((each) => each.vnicId === vnicId);
  return { vnicId, resourceId: attachment?.instanceId, timeAssociated };
}
