/** The one region of the lab's cloud, and who its only user is. Nothing here exists anywhere else. */

export const REGION = "eu-frankfurt-1";

const ocid = (kind: string) => `ocid1.${kind}.oc1..aaaaaaaalab`;
export const TENANCY = ocid("tenancy");
export const USER = ocid("user");
export const COMPARTMENT = ocid("compartment");

/** Where Oracle's clients look for the services that the lab has. */
export const SERVICE_HOSTS = [`iaas.${REGION}.oraclecloud.com`, `identity.${REGION}.oci.oraclecloud.com`];

/** The version that both services' paths begin with. */
export const BASE_PATH = "/20160918";

export const AVAILABILITY_DOMAINS = [1, 2, 3].map((number) => `LAB:EU-FRANKFURT-1-AD-${number}`);

export const FAULT_DOMAINS = [1, 2, 3].map((number) => `FAULT-DOMAIN-${number}`);
