import type { ApiLogin } from "./apiLogin.ts";

/** Milliseconds within which Oracle's API has to answer. */
const ANSWER_LIMIT = 30_000;

/** An instance that is to be launched. */
export interface LaunchRequest {
  readonly shape: string;
  /** Of a flexible shape. */
  readonly size?: { readonly ocpus: number; readonly memoryInGbs: number };
  /** Default: any. */
  readonly faultDomain?: string;
}

/** An availability domain as the region lists it. */
export interface AvailabilityDomain {
  readonly name: string;
  /** OCID of the tenancy, the only compartment that has reports. */
  readonly compartmentId: string;
}

/** What Oracle says of a shape in an availability domain. */
type Availability = "AVAILABLE" | "OUT_OF_HOST_CAPACITY" | "HARDWARE_NOT_SUPPORTED";

/** A report, or a refusal. */
interface Answer {
  shapeAvailabilities?: readonly { availabilityStatus: Availability }[];
  code?: string;
  message?: string;
}

/**
 * Asks Oracle whether an availability domain has capacity for an instance. Nothing is created by that, but for an entry in
 * the audit log.
 *
 * Source: https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/ComputeCapacityReport
 *
 * @returns undefined where the answer does not say
 * @throws Error with Oracle's answer where it gives no report, for example since no policy allows it
 */
export async function askCapacity(
  { provider, region }: ApiLogin,
  domain: AvailabilityDomain,
  { shape, size, faultDomain }: LaunchRequest,
): Promise<Availability | undefined> {
  const { default: oci } = await import("oci-common");
  const endpoint = oci.EndpointBuilder.createEndpointFromRegionId(
    "https://iaas.{region}.{secondLevelDomain}",
    region,
  );
  const request = {
    method: "POST" as const,
    uri: `${endpoint}/20160918/computeCapacityReports`,
    headers: new Headers({ "content-type": "application/json" }),
    body: JSON.stringify({
      compartmentId: domain.compartmentId,
      availabilityDomain: domain.name,
      shapeAvailabilities: [
        {
          instanceShape: shape,
          instanceShapeConfig: size && { ocpus: size.ocpus, memoryInGBs: size.memoryInGbs },
          faultDomain,
        },
      ],
    }),
    signal: AbortSignal.timeout(ANSWER_LIMIT),
  };
  // The SDK's client of this service is large, and writes each refusal to the console.
  await new oci.DefaultRequestSigner(provider).signHttpRequest(request);
  const response = await fetch(request.uri, request);
  const answer = (await response.json().catch(() => ({}))) as Answer;
  if (!response.ok) throw new Error([response.status, answer.code, answer.message].filter(Boolean).join(" "));
  return answer.shapeAvailabilities?.[0]?.availabilityStatus;
}
