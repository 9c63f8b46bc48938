import { parseAddress } from "../../vxlan/addresses.ts";
import { joinPath } from "../../vxlan/problems.ts";
import type { Problem } from "../../vxlan/problems.ts";
import { LONGEST_CAPACITY_WAIT } from "../capacity.ts";
import { problemWithOcid } from "../ocid.ts";
import { ANY_FAULT_DOMAIN, DEFAULT_OCPUS, DEFAULT_SHAPE, FAULT_DOMAINS, isFlexible } from "../settings.ts";
import type { InstanceSettings, Ocid } from "../settings.ts";

/** GB of memory for each OCPU of a flexible shape, at most. */
const LARGEST_MEMORY_RATIO = 64;

/** All problems of one instance that do not depend on its network. */
export function validateInstance(instance: InstanceSettings, at: string): Problem[] {
  return [
    ...validateShape(instance, at),
    ...validateImage(instance, joinPath(at, "image")),
    ...validatePlacement(instance, at),
    ...validateTimes(instance, at),
    ...validatePrivateIp(instance, joinPath(at, "privateIp")),
  ];
}

/** OCI's limit for the Network Security Groups of one VNIC. */
const GROUPS_A_VNIC = 5;

export function validateSecurityGroupIds(ids: readonly Ocid[], path: string): Problem[] {
  const problems = ids.flatMap((id, index) =>
    problemWithOcid(id, "networksecuritygroup", `${path}[${index}]`),
  );
  if (ids.length <= GROUPS_A_VNIC) return problems;
  const message = `a VNIC is in ${GROUPS_A_VNIC} Network Security Groups at most, and these are ${ids.length}: leave some out.`;
  return [{ path, message }, ...problems];
}

/**
 * A warning about a shape whose name has not the form of Oracle's, such as VM.Standard.E4.Flex or BM.GPU.A100-v2.8. It
 * may be a new one, so Oracle decides.
 */
export function shapeWarning(shape: string): string | undefined {
  if (/^(VM|BM)(\.[A-Za-z0-9-]+)+$/.test(shape)) return undefined;
  return `shape "${shape}" does not look like one of Oracle's, such as ${DEFAULT_SHAPE}. It is passed on as it is.`;
}

function validatePrivateIp({ privateIp }: InstanceSettings, path: string): Problem[] {
  if (privateIp === undefined || parseAddress(privateIp)?.kind() === "ipv4") return [];
  return [{ path, message: `"${privateIp}" is no IPv4 address: give one of the subnet's, or leave it out.` }];
}

function validateShape(
  { shape = DEFAULT_SHAPE, ocpus, memoryInGBs }: InstanceSettings,
  at: string,
): Problem[] {
  if (!/^\S+$/.test(shape)) {
    const message = `"${shape}" is no shape: use one such as ${DEFAULT_SHAPE}, VM.Standard.A1.Flex or VM.Standard.E2.1.Micro.`;
    return [{ path: joinPath(at, "shape"), message }];
  }
  if (isFlexible(shape)) return validateSize(ocpus, memoryInGBs, at);
  return Object.entries({ ocpus, memoryInGBs }).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const message = `${shape} has a fixed size: leave ${key} out, or choose a shape that ends in .Flex.`;
    return [{ path: joinPath(at, key), message }];
  });
}

/** Checks the size of a flexible shape. */
function validateSize(ocpus: number = DEFAULT_OCPUS, memoryInGBs: number | undefined, at: string): Problem[] {
  const problems: Problem[] = [];
  if (!(ocpus >= 1 && ocpus <= 1000)) {
    problems.push({ path: joinPath(at, "ocpus"), message: `${ocpus} OCPUs cannot be had: use 1 or more.` });
  }
  const most = LARGEST_MEMORY_RATIO * ocpus;
  if (memoryInGBs !== undefined && !(memoryInGBs >= ocpus && memoryInGBs <= most)) {
    problems.push({
      path: joinPath(at, "memoryInGBs"),
      message: `${memoryInGBs} GB do not go with ${ocpus} OCPU: use ${ocpus} to ${most} GB.`,
    });
  }
  return problems;
}

function validateImage({ image }: InstanceSettings, path: string): Problem[] {
  if (!image) return [];
  const { id, operatingSystem, version } = image;
  if (id !== undefined && (operatingSystem !== undefined || version !== undefined)) {
    return [
      {
        path,
        message:
          "given by id and by operatingSystem: keep id to pin an image, or the names to have it looked up.",
      },
    ];
  }
  if (version !== undefined && operatingSystem === undefined) {
    return [
      {
        path: joinPath(path, "operatingSystem"),
        message: `version ${version} of what? Give operatingSystem, such as "Canonical Ubuntu" or "Oracle Linux".`,
      },
    ];
  }
  return problemWithOcid(id, "image", joinPath(path, "id"));
}

function validatePlacement({ faultDomain, availabilityDomain }: InstanceSettings, at: string): Problem[] {
  const problems: Problem[] = [];
  const choices: readonly string[] = [...FAULT_DOMAINS, ANY_FAULT_DOMAIN];
  if (faultDomain !== undefined && !choices.includes(faultDomain)) {
    problems.push({
      path: joinPath(at, "faultDomain"),
      message: `"${faultDomain}" is no fault domain: use ${FAULT_DOMAINS.join(", ")}, or any to let Oracle choose.`,
    });
  }
  if (availabilityDomain?.trim() === "") {
    problems.push({
      path: joinPath(at, "availabilityDomain"),
      message: "is empty: give a name such as AD-1, or leave it out for the first one.",
    });
  }
  return problems;
}

function validateTimes({ bootTimeout, waitForCapacity }: InstanceSettings, at: string): Problem[] {
  const isWithin = (value: number | undefined, min: number, max: number) =>
    value === undefined || (Number.isInteger(value) && value >= min && value <= max);
  const problems: Problem[] = [];
  if (!isWithin(bootTimeout, 10, 3600)) {
    problems.push({
      path: joinPath(at, "bootTimeout"),
      message: `${bootTimeout} is no time to wait for a host: use whole seconds from 10 to 3600.`,
    });
  }
  if (!isWithin(waitForCapacity, 0, LONGEST_CAPACITY_WAIT)) {
    problems.push({
      path: joinPath(at, "waitForCapacity"),
      message: `${waitForCapacity} is no time to wait for capacity: use whole minutes from 0 to ${LONGEST_CAPACITY_WAIT}.`,
    });
  }
  return problems;
}
