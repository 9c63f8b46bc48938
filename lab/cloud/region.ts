/** The region, user and places of the lab's cloud. None of them exists in Oracle's. */

export const REGION = "eu-frankfurt-1";

const ocid = (kind: string) => `ocid1.${kind}.oc1..aaaaaaaalab`;
export const TENANCY = ocid("tenancy");
export const USER = ocid("user");
export const COMPARTMENT = ocid("compartment");
/** Another one, to which resources may be moved. */
export const SECOND_COMPARTMENT = `${COMPARTMENT}second`;

/** The host names of the services that the lab has, as Oracle's clients make them. */
export const SERVICE_HOSTS = [`iaas.${REGION}.oraclecloud.com`, `identity.${REGION}.oci.oraclecloud.com`];

/** The version of the API, which begins the paths of both services. */
export const BASE_PATH = "/20160918";

export const AVAILABILITY_DOMAINS = [1, 2, 3].map((number) => `LAB:EU-FRANKFURT-1-AD-${number}`);

export const FAULT_DOMAINS = [1, 2, 3].map((number) => `FAULT-DOMAIN-${number}`);

/** Oracle's services in the region, with the names of https://docs.oracle.com/en-us/iaas/api/#/en/iaas/20160918/Service. */
export const SERVICES = [
  {
    id: `ocid1.service.oc1.${REGION}.labobjectstorage`,
    name: "OCI FRA Object Storage",
    cidrBlock: "oci-fra-objectstorage",
  },
  {
    id: `ocid1.service.oc1.${REGION}.laballservices`,
    name: "All FRA Services In Oracle Services Network",
    cidrBlock: "all-fra-services-in-oracle-services-network",
  },
].map((service) => ({ ...service, description: service.name }));
