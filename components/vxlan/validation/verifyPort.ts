import type { VerifySettings } from "../connectivityTest/probe.ts";
import type { Problem } from "../problems.ts";

/** What is wrong with the settings. */
export function validateVerify({ verifyPort }: VerifySettings, at: (key: string) => string): Problem[] {
  if (verifyPort === undefined || (Number.isInteger(verifyPort) && verifyPort >= 1 && verifyPort <= 65535)) {
    return [];
  }
  return [
    {
      path: at("verifyPort"),
      message: `${verifyPort} is no TCP port: use the one that the hosts' sshd listens on, from 1 to 65535.`,
    },
  ];
}
