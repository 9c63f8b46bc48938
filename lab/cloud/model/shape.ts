import type { ShapeConfigDetails } from "../requestSchemas.ts";
import { invalidParameter } from "./errors.ts";
import type { ShapeConfig } from "./resources.ts";

/** A shape as the API shows it. */
interface Shape {
  shape: string;
  processorDescription: string;
  ocpus: number;
  memoryInGBs: number;
  networkPorts: number;
  networkingBandwidthInGbps: number;
  maxVnicAttachments: number;
  gpus: number;
  localDisks: number;
  isFlexible: boolean;
  isSubcore: boolean;
  billingType: string;
  ocpuOptions?: { min: number; max: number };
  memoryOptions?: {
    minInGBs: number;
    maxInGBs: number;
    defaultPerOcpuInGBs: number;
    minPerOcpuInGBs: number;
    maxPerOcpuInGBs: number;
  };
}

type Processor = "x86" | "aarch64";

/** Fields that all shapes have in common; some override them. */
const common = { networkPorts: 1, gpus: 0, localDisks: 0, maxVnicAttachments: 2 };

function flexibleShape(
  shape: string,
  processorDescription: string,
  ocpus: number,
  memory: number,
  perOcpu: number,
): Shape {
  return {
    ...common,
    shape,
    processorDescription,
    ocpus: 1,
    memoryInGBs: perOcpu,
    networkingBandwidthInGbps: 1,
    isFlexible: true,
    isSubcore: false,
    billingType: shape.includes("A1") ? "LIMITED_FREE" : "PAID",
    ocpuOptions: { min: 1, max: ocpus },
    memoryOptions: {
      minInGBs: 1,
      maxInGBs: memory,
      defaultPerOcpuInGBs: perOcpu,
      minPerOcpuInGBs: 1,
      maxPerOcpuInGBs: 64,
    },
  };
}

const CATALOGUE: { processor: Processor; shape: Shape }[] = [
  {
    processor: "x86",
    shape: flexibleShape("VM.Standard.E4.Flex", "2.55 GHz AMD EPYC 7J13 (Milan)", 114, 1760, 16),
  },
  {
    processor: "x86",
    shape: flexibleShape("VM.Standard.E3.Flex", "2.25 GHz AMD EPYC 7742 (Rome)", 64, 1024, 16),
  },
  { processor: "aarch64", shape: flexibleShape("VM.Standard.A1.Flex", "3.0 GHz Ampere Altra", 80, 512, 6) },
  {
    processor: "x86",
    shape: {
      ...common,
      maxVnicAttachments: 1,
      shape: "VM.Standard.E2.1.Micro",
      processorDescription: "2.0 GHz AMD EPYC 7551 (Naples)",
      ocpus: 1,
      memoryInGBs: 1,
      networkingBandwidthInGbps: 0.48,
      isFlexible: false,
      isSubcore: true,
      billingType: "ALWAYS_FREE",
    },
  },
];

export const allShapes = (): Shape[] => CATALOGUE.map(({ shape }) => shape);

/** The shapes that an image of this processor runs on. */
export const shapesFor = (processor: Processor): Shape[] =>
  CATALOGUE.filter((entry) => entry.processor === processor).map(({ shape }) => shape);

/**
 * The size of an instance: what the request asks for, or the shape's own.
 *
 * @throws CloudError InvalidParameter for an unknown shape, one that does not run the image, or a size out of its range
 */
export function shapeConfig(
  name: string,
  processor: Processor,
  details: ShapeConfigDetails = {},
): ShapeConfig {
  const entry = CATALOGUE.find(({ shape }) => shape.shape === name);
  if (entry === undefined) throw invalidParameter(`The shape ${name} does not exist.`);
  if (entry.processor !== processor) throw invalidParameter(`The shape ${name} is not valid for the image.`);
  const { shape } = entry;
  const { ocpuOptions, memoryOptions } = shape;
  if (!ocpuOptions || !memoryOptions) {
    if (Object.values(details).some((value) => value !== undefined))
      throw invalidParameter(`The shape ${name} has a fixed size: leave shapeConfig out.`);
    return configOf(shape, shape.ocpus, shape.memoryInGBs);
  }
  const { ocpus } = details;
  if (ocpus === undefined)
    throw invalidParameter(`The shape ${name} is flexible: shapeConfig.ocpus has to be given.`);
  if (!Number.isInteger(ocpus) || ocpus < ocpuOptions.min || ocpus > ocpuOptions.max)
    throw invalidParameter(
      `shapeConfig.ocpus ${ocpus} is not between ${ocpuOptions.min} and ${ocpuOptions.max}.`,
    );
  const { memoryInGBs = ocpus * memoryOptions.defaultPerOcpuInGBs } = details;
  const maxMemory = Math.min(memoryOptions.maxInGBs, ocpus * memoryOptions.maxPerOcpuInGBs);
  if (memoryInGBs < ocpus * memoryOptions.minPerOcpuInGBs || memoryInGBs > maxMemory)
    throw invalidParameter(
      `shapeConfig.memoryInGBs ${memoryInGBs} is not between ${ocpus} and ${maxMemory}.`,
    );
  return configOf(shape, ocpus, memoryInGBs);
}

const configOf = (shape: Shape, ocpus: number, memoryInGBs: number): ShapeConfig => ({
  ocpus,
  vcpus: ocpus * (shape.shape.includes("A1") ? 1 : 2),
  memoryInGBs,
  networkingBandwidthInGbps: shape.isFlexible ? ocpus : shape.networkingBandwidthInGbps,
  maxVnicAttachments: shape.maxVnicAttachments,
  processorDescription: shape.processorDescription,
  gpus: 0,
  localDisks: 0,
});
