import type { Site } from "../changes.ts";
import { generateKeyPair } from "../sshKeyPair.ts";
import { AD2, COMPARTMENT, LOGIN_KEY } from "./environment.ts";

const [hostKey, otherHostKey] = [generateKeyPair().public.trim(), generateKeyPair().public.trim()];
const next = generateKeyPair();

/** Where changes of an environment are tried without an engine. */
export const MOCKED_SITE: Site = {
  compartmentId: COMPARTMENT,
  otherCompartmentId: "ocid1.compartment.oc1..bbbb",
  secondDomain: AD2,
  otherImageId: "ocid1.image.oc1.eu-frankfurt-1.other",
  otherListId: "ocid1.securitylist.oc1.eu-frankfurt-1.more",
  ssh: {
    before: { privateKey: LOGIN_KEY },
    after: { privateKey: next.private },
    both: { privateKey: next.private, oldPrivateKey: LOGIN_KEY },
    agent: { agent: true, publicKey: next.public.trim() },
  },
  machine: (number) => ({
    underlayAddress: `10.9.0.${number}`,
    sshAddress: `203.0.113.${number}`,
    hostKey: number === 3 ? hostKey : otherHostKey,
  }),
  otherHostKey: { hostKey: otherHostKey },
  secondSshAddress: "203.0.113.33",
  jumpHost: { address: "203.0.113.99", hostKey: otherHostKey },
};
