import { z } from "zod";

/**
 * The report about a stack: what `npm run status -- --json` prints, and what `readStatus` returns. docs/status.md
 * explains its fields. Times are ISO 8601 in UTC.
 */

const event = z.strictObject({
  time: z.string().describe("By the host's clock."),
  text: z.string(),
});

const path = z.strictObject({
  from: z.string(),
  to: z.string(),
  address: z.string().describe("Overlay address of the peer."),
  state: z
    .enum(["passes", "loses", "fails", "unknown"])
    .describe(
      "`loses`: the peer answers, and two echoes of five or more were lost; `fails`: a probe has failed twice; " +
        "`unknown`: the host could not be asked.",
    ),
  icmpBytes: z
    .number()
    .optional()
    .describe("Payload of the echoes, which fill the MTU and may not be fragmented. Left out if `unknown`."),
  sent: z.number().optional().describe("Echoes that were sent. Left out where none was answered."),
  received: z.number().optional().describe("Echoes that were answered."),
  milliseconds: z.number().optional().describe("Their mean round-trip time."),
  tcp: z
    .enum(["passes", "fails", "not tested"])
    .describe(
      "Connection to the peer's sshd, with its banner read; `fails` also where the transfer does; `not tested` where the " +
        "echoes failed, where the hosts' administrators decide about TCP, and in a fleet of more than 17 hosts to all " +
        "but four peers of each.",
    ),
  transfer: z
    .enum(["passes", "fails"])
    .optional()
    .describe(
      "256 KiB that the peer sends to the host by TCP. Left out where none were sent: each host gets them from one peer.",
    ),
  problem: z.string().optional().describe("Which probe failed, and how."),
});

const device = z.strictObject({
  state: z.string().describe("`up` or `down`."),
  mtu: z.number(),
  mac: z.string(),
  vni: z.number(),
  port: z.number(),
  underlayAddress: z.string(),
  addresses: z.array(z.string()).describe("Overlay addresses."),
});

const host = z.strictObject({
  name: z.string(),
  state: z
    .enum(["in sync", "differs", "unreachable", "down"])
    .describe(
      "`differs`: something on it is not as in the stack, or nothing keeps it so; `unreachable`: no SSH session; `down`: " +
        "`hosts.<name>.down` says that it is down on purpose.",
    ),
  sshAddress: z.string(),
  jumpHost: z.string().optional().describe("Address of the jump host before it."),
  underlayAddress: z.string().describe("In the stack, as the next three."),
  overlayAddresses: z.array(z.string()),
  mac: z.string(),
  mtu: z.number().describe("Of the VXLAN device."),
  bootedAt: z.string().optional(),
  uptimeSeconds: z.number().optional(),
  release: z.string().optional().describe("Release that has installed the program on the host."),
  programVersion: z.number().optional().describe("Of the program on the host."),
  unit: z.string().optional().describe("State of the unit that keeps the host in sync, such as `active`."),
  device: device.optional().describe("The VXLAN device as the kernel has it. Left out where there is none."),
  lastRepair: event.optional(),
  events: z.array(event).describe("The last lines of its journal about the overlay, the newest one last."),
  problems: z.array(z.string()).describe("What is wrong with the host, each with its cure."),
  warnings: z.array(z.string()).describe("What the host cannot repair, and traffic may suffer from."),
});

const finding = z.strictObject({
  from: z.string(),
  to: z.string(),
  causes: z
    .array(z.string())
    .describe("Why traffic fails between the two, with the cures, the likeliest first."),
});

const overlay = z.strictObject({
  name: z.string(),
  id: z.string().describe("Its name on the hosts: stack and name."),
  device: z.string(),
  vni: z.number(),
  port: z.number(),
  mtu: z.number(),
  cidrs: z.array(z.string()),
  hosts: z.array(host),
  paths: z
    .array(path)
    .describe(
      "Each host to each overlay address of each other; in a fleet of more than 32 hosts, of 16 to 20 others.",
    ),
  findings: z.array(finding).describe("Of some of the pairs whose traffic fails."),
  totalPaths: z.number().describe("How many paths there are; more than in `paths` in a large fleet."),
});

const cloud = z.strictObject({
  resources: z
    .array(
      z.strictObject({
        urn: z.string(),
        type: z.string(),
        name: z.string(),
        change: z.enum(["changed", "deleted"]),
        properties: z.array(z.string()).describe("Those that differ."),
      }),
    )
    .describe("Resources that were changed outside of the stack."),
});

export const statusSchema = z
  .strictObject({
    time: z.string().describe("When the report was made."),
    project: z.string(),
    stack: z.string(),
    state: z
      .enum(["well", "wrong"])
      .describe("`wrong`: something has to be done. Warnings alone are `well`."),
    overlays: z.array(overlay),
    cloud: cloud.optional().describe("With `--cloud` only."),
  })
  .meta({
    title: "Status of an oci-vxlan stack",
    description: "What `npm run status -- --json` prints.",
  });

export type StatusReport = z.infer<typeof statusSchema>;
export type OverlayStatus = z.infer<typeof overlay>;
export type CloudStatus = z.infer<typeof cloud>;
export type HostReport = z.infer<typeof host>;
export type PathReport = z.infer<typeof path>;
