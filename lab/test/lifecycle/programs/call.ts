import { clients } from "../../../pulumi/plugins/oci/clients.ts";
import type { Clients } from "../../../pulumi/plugins/oci/clients.ts";

/** Makes one call of the API without Pulumi: `call.ts network getVcn '{"vcnId": "…"}'`. */

const [client = "", operation = "", request = "{}"] = process.argv.slice(2);
const service: any = (await clients())[client as keyof Clients];
process.stdout.write(JSON.stringify(await service[operation](JSON.parse(request))));
