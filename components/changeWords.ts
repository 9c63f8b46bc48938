import * as pulumi from "@pulumi/pulumi";
import { openInputs, takesHooks } from "./hookInputs.ts";
import { deviceSettingsIn, programDigestIn } from "./vxlan/phases/install.ts";
import { membershipChanges, programChanges, settingsChanges } from "./vxlan/changeWords.ts";

/**
 * Says in words what a run changes, in a preview too: the phases' inputs are scripts and lists, whose differences Pulumi
 * does not show (`hideDiffs`). Each text is said once, however many hosts it holds for.
 */
export class ChangeWords {
  private readonly overlay: pulumi.Resource;
  private readonly loggedTexts = new Set<string>();

  constructor(overlay: pulumi.Resource) {
    this.overlay = overlay;
  }

  /** Options of the resource that keeps the hosts' reports: says which hosts join and leave. */
  ofMembers(name: string, hosts: readonly string[]): pulumi.CustomResourceOptions {
    return this.before(name, async ({ oldInputs }) => {
      const { input } = (await openInputs(oldInputs)) as { input?: { report?: { host?: string } }[] };
      const before = (Array.isArray(input) ? input : []).flatMap(({ report }) => report?.host ?? []);
      return membershipChanges(before, hosts);
    });
  }

  /** Options of a phase device: says which settings change, and that the program does. What is not known yet in a preview is left out. */
  ofDevice(name: string): pulumi.CustomResourceOptions {
    return this.before(name, ({ oldInputs, newInputs }) => {
      const [before, after] = [oldInputs?.["stdin"] as unknown, newInputs?.["stdin"] as unknown];
      if (typeof before !== "string" || typeof after !== "string") return [];
      return [
        ...programChanges(programDigestIn(before), programDigestIn(after)),
        ...settingsChanges(deviceSettingsIn(before), deviceSettingsIn(after)),
      ];
    });
  }

  private before(
    name: string,
    textsOf: (args: pulumi.ResourceHookArgs) => string[] | Promise<string[]>,
  ): pulumi.CustomResourceOptions {
    if (!takesHooks()) return {};
    const logTexts = async (args: pulumi.ResourceHookArgs) => {
      for (const text of await textsOf(args)) {
        if (this.loggedTexts.has(text)) continue;
        this.loggedTexts.add(text);
        await pulumi.log.info(text, this.overlay);
      }
    };
    const hook = new pulumi.ResourceHook(name, logTexts, { onDryRun: true, ignoreErrors: true });
    return { hooks: { beforeUpdate: [hook] } };
  }
}
