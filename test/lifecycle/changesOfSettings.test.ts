import { describeChanges } from "./support/changeSuite.ts";

describeChanges("test-changes-settings", ["The overlay", "The network", "SSH"]);
