import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { securityRules, withoutContained } from "../../components/oci/securityRules.ts";

describe("the shared Security List's rules", () => {
  const settings = {
    members: ["10.0.0.0/30", "10.0.0.4/30", "10.0.0.0/30"],
    operatorCidrs: ["198.51.100.10/32"],
    jumpHostCidrs: [],
    vxlanPort: 4789,
    sshPort: 22,
    stateful: false,
    ingress: [],
    egress: [],
  };

  test("name each member once", () => {
    const { ingress } = securityRules(settings);
    expect(ingress.filter(({ protocol }) => protocol === "17").map(({ source }) => source)).toEqual([
      "10.0.0.0/30",
      "10.0.0.4/30",
    ]);
  });
  test("admit UDP to the VXLAN port only, whatever the members", () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.array(octet, { minLength: 1 }), fc.boolean(), (octets, stateful) => {
        const members = octets.map((n) => `10.0.${n}.0/24`);
        const { ingress, egress } = securityRules({ ...settings, members, stateful });
        for (const rule of [...ingress, ...egress].filter(({ protocol }) => protocol === "17")) {
          expect(rule.udpOptions).toEqual({ min: 4789, max: 4789 });
          expect(members).toContain("source" in rule ? rule.source : rule.destination);
        }
      }),
    );
  });
  test("admit echoes from all members, or from none where the list has no room for them", () => {
    const echoes = (count: number) => {
      const members = Array.from({ length: count }, (_, n) => `10.0.${n}.0/24`);
      const { ingress } = securityRules({ ...settings, members });
      return [ingress.length, ingress.filter(({ icmpOptions }) => icmpOptions?.type === 8).length];
    };
    expect(echoes(99)).toEqual([200, 99]);
    expect(echoes(100)).toEqual([102, 0]);
    expect(echoes(198)).toEqual([200, 0]);
  });
  test("a network that holds another stands for both", () => {
    expect(withoutContained(["10.0.0.5/32", "10.0.0.0/24", "10.1.0.0/24"])).toEqual([
      "10.0.0.0/24",
      "10.1.0.0/24",
    ]);
  });
});
