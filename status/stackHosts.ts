import type { AskedOverlay, TestedHost } from "../components/hostProbes.ts";
import type { Connection } from "../components/remoteCommand.ts";
import { networkContaining } from "../components/vxlan/addresses.ts";
import { parseDeviceReport } from "../components/vxlan/phases/device.ts";
import { deviceSettingsIn } from "../components/vxlan/phases/install.ts";
import { withDefaults } from "../components/vxlan/settings.ts";
import type { StackResource } from "./stackState.ts";

/** An overlay of a stack, with its hosts by name. */
export interface StackOverlay extends AskedOverlay {
  name: string;
  hosts: TestedHost[];
  /** Names of hosts that are down on purpose. */
  downHosts: ReadonlySet<string>;
}

const OVERLAY_TYPE = "oci-vxlan:index:VxlanOverlay";
const COMMAND_TYPE = "command:remote:Command";

/** The parts of a URN that are used here. */
interface UrnParts {
  stack: string;
  project: string;
  name: string;
}

/** "urn:pulumi:STACK::PROJECT::TYPES::NAME" */
export function parseUrn(urn: string): UrnParts {
  const [, stack = "", project = "", , name = ""] = /^urn:pulumi:(.*?)::(.*?)::(.*?)::(.*)$/.exec(urn) ?? [];
  return { stack, project, name };
}

/**
 * The overlays in a stack's state. Everything about their hosts is taken from the phases' own resources, so it is what
 * the last `up` has used, host keys and jump hosts included.
 */
export function overlaysIn(resources: readonly StackResource[]): StackOverlay[] {
  return resources
    .filter(({ type }) => type === OVERLAY_TYPE)
    .map((overlay) => readOverlay(overlay, resources));
}

function readOverlay(overlay: StackResource, resources: readonly StackResource[]): StackOverlay {
  const { stack, project, name } = parseUrn(overlay.urn);
  const commands = new Map(
    resources
      .filter(({ type, parent }) => type === COMMAND_TYPE && parent === overlay.urn)
      .map((command) => [parseUrn(command.urn).name, command]),
  );
  const hosts = [...commands].flatMap(([commandName, device]) => {
    const host = hostOf(name, commandName);
    return host === undefined ? [] : [readHost(host, device, commands.get(`${name}-${host}-peers`))];
  });
  hosts.sort((a, b) => (a.name < b.name ? -1 : 1));
  const settings = settingsIn(hosts, overlay.outputs);
  return {
    name,
    identity: { overlay: `${stack}.${name}`, owner: `${project}/${stack}/${name}` },
    settings,
    mtu: mtuIn(hosts),
    hosts,
    downHosts: new Set(listIn(overlay.outputs["downHosts"])),
  };
}

/** The host of a phase device; undefined where the resource is another one. */
function hostOf(overlay: string, command: string): string | undefined {
  return command.startsWith(`${overlay}-`) && command.endsWith("-device")
    ? command.slice(overlay.length + 1, -"-device".length)
    : undefined;
}

function readHost(name: string, device: StackResource, peers: StackResource | undefined): TestedHost {
  const connection = device.inputs["connection"] as Connection;
  const deviceStdin = textIn(device.inputs["stdin"]);
  const settings = deviceSettingsIn(deviceStdin);
  const peersStdin = textIn(peers?.inputs["stdin"]);
  return {
    name,
    sshPort: connection.port,
    connection,
    underlayAddress: valuesIn(settings, "underlay")[0] ?? "",
    overlayAddresses: valuesIn(settings, "address").map((address) => address.replace(/\/.*/, "")),
    report: parseDeviceReport(name, textIn(device.outputs["stdout"])),
    device: { urn: device.urn, create: textIn(device.inputs["create"]), stdin: deviceStdin, settings },
    peers: {
      urn: peers?.urn ?? "",
      create: textIn(peers?.inputs["create"]),
      stdin: peersStdin,
      settings: peersStdin,
    },
  };
}

/** The settings of the overlay, from those of its hosts: they stand in the state even if the first `up` has failed. */
function settingsIn(hosts: readonly TestedHost[], outputs: Record<string, unknown>) {
  const text = hosts[0]?.device.settings ?? "";
  const value = (key: string) => valuesIn(text, key)[0];
  const cidrs = valuesIn(text, "address").flatMap((address) => networkContaining(address)?.text ?? []);
  const verifyPort = outputs["verifyPort"];
  return withDefaults({
    device: value("device"),
    vni: Number(value("vni")),
    port: Number(value("port")),
    cidrs,
    overlayIngress: value("ingress"),
    hostFirewall: value("firewall"),
    checksumOffload: value("offload"),
    verifyPort: typeof verifyPort === "number" ? verifyPort : undefined,
  });
}

/** The MTU that phase peers has set. */
const mtuIn = (hosts: readonly TestedHost[]) =>
  Number(hosts.flatMap(({ peers }) => valuesIn(peers.settings, "mtu"))[0] ?? 0);

/** The values of a key in a settings file. */
function valuesIn(settings: string, key: string): string[] {
  return settings
    .split("\n")
    .flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length + 1)] : []));
}

const textIn = (value: unknown) => (typeof value === "string" ? value : "");
const listIn = (value: unknown) => (Array.isArray(value) ? value.map(String) : []);
