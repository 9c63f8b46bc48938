import { describeChanges } from "./support/changeSuite.ts";

describeChanges("test-changes-hosts", ["Hosts", "Instance a"]);
