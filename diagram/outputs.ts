import { z } from "zod";

/** The outputs of a stack that a picture shows. An `up` that failed may have left some of them out. */
const outputsSchema = z.object({
  addresses: z
    .record(z.string(), z.object({ privateIp: z.string().optional(), publicIp: z.string().optional() }))
    .optional(),
  macs: z.record(z.string(), z.string()).optional(),
  mtu: z.number().optional(),
});

export type StackOutputs = z.infer<typeof outputsSchema>;

/** @param text what `pulumi stack output --json` prints */
export const parseOutputs = (text: string): StackOutputs => outputsSchema.parse(JSON.parse(text));
