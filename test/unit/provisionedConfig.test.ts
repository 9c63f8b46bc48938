import { describe, expect, test } from "vitest";
import { environmentWarnings } from "../../components/oci/validation/environment.ts";
import { shapeWarning } from "../../components/oci/validation/instances.ts";
import { networkWarnings } from "../../components/oci/validation/network.ts";
import {
  KEY,
  committedEnvironment,
  onlyProblem,
  paths,
  problemsOf,
  useConfigFolder,
} from "./configProblems.ts";

useConfigFolder();

describe("a provisioned environment that Oracle would refuse", () => {
  /** The problems of stack lab's own environment, changed. */
  const labProblems = (change: (environment: any) => void): string[] => {
    const environment = committedEnvironment("lab");
    change(environment);
    return problemsOf(environment);
  };
  const onlyProblemOf = (change: (environment: any) => void) => onlyProblem(labProblems(change));
  const oneSubnet = (e: any, cidr: string) => {
    e.network.subnets = { all: { cidr } };
    for (const host of Object.values<any>(e.hosts)) host.instance = {};
  };

  test("no compartment, or an OCID of another kind", () => {
    expect(onlyProblemOf((e) => delete e.compartmentId)).toMatch(/^compartmentId: missing: give the OCID/);
    expect(onlyProblemOf((e) => (e.compartmentId = "ocid1.vcn.oc1.x.y"))).toMatch(
      /^compartmentId: "ocid1\.vcn\.oc1\.x\.y" is no OCID of a compartment/,
    );
  });
  test("no network", () => {
    expect(onlyProblemOf((e) => delete e.network)).toMatch(
      /^network: missing: hosts host01, host02 need a VCN and a subnet/,
    );
  });
  test("a VCN or a subnet of a size that Oracle does not take", () => {
    expect(
      onlyProblemOf((e) => {
        e.network.vcn.cidr = "10.0.0.0/8";
        oneSubnet(e, "10.0.0.0/24");
      }),
    ).toMatch(
      /^network\.vcn\.cidr: 10\.0\.0\.0\/8 is not what OCI takes for a VCN: use .* from \/16 to \/30/,
    );
    expect(onlyProblemOf((e) => (e.network.subnets.host01.cidr = "10.196.218.222/31"))).toMatch(
      /^network\.subnets\.host01\.cidr: 10\.196\.218\.222\/31 is not what OCI takes for a subnet/,
    );
    expect(onlyProblemOf((e) => oneSubnet(e, "10.196.218.193/28"))).toMatch(
      /did you mean 10\.196\.218\.192\/28/,
    );
    expect(
      onlyProblemOf((e) => {
        e.network.vcn.cidr = "169.254.0.0/24";
        oneSubnet(e, "169.254.0.0/28");
      }),
    ).toMatch(/network\.vcn\.cidr: 169\.254\.0\.0\/24 lies in 169\.254\.0\.0\/16, which no VCN can have/);
  });
  test("a subnet outside the VCN, or one that overlaps another", () => {
    expect(
      onlyProblemOf((e) => {
        e.network.subnets.host02.cidr = "10.196.219.0/30";
        e.hosts.host02.instance.privateIp = "10.196.219.2";
      }),
    ).toBe(
      "network.subnets.host02.cidr: 10.196.219.0/30 is not inside the VCN, 10.196.218.192/26: choose a part of that, or a VCN that holds it.",
    );
    expect(onlyProblemOf((e) => (e.network.subnets.host02.cidr = "10.196.218.192/26"))).toMatch(
      /host02\.cidr: 10\.196\.218\.192\/26 overlaps 10\.196\.218\.220\/30 of subnet host01/,
    );
  });
  test("two hosts in a /30", () => {
    expect(
      onlyProblemOf((e) => {
        e.hosts.host02.instance = { subnet: "host01" };
      }),
    ).toMatch(
      /^network\.subnets\.host01\.cidr: 10\.196\.218\.220\/30 has room for 1 host, .*\(host01, host02\)/,
    );
  });
  test("an address that Oracle reserves, or one outside the subnet", () => {
    for (const address of ["10.196.218.220", "10.196.218.221", "10.196.218.223"]) {
      expect(onlyProblemOf((e) => (e.hosts.host01.instance.privateIp = address))).toMatch(
        /^hosts\.host01\.instance\.privateIp: .* is kept by OCI for itself.* use an address from 10\.196\.218\.222 to 10\.196\.218\.222/,
      );
    }
    expect(onlyProblemOf((e) => (e.hosts.host01.instance.privateIp = "10.196.218.230"))).toMatch(
      /lies outside subnet host01/,
    );
    expect(onlyProblemOf((e) => (e.hosts.host01.instance.privateIp = "10.196.218"))).toMatch(
      /is no IPv4 address/,
    );
  });
  test("two hosts with one address", () => {
    expect(
      onlyProblemOf((e) => {
        oneSubnet(e, "10.196.218.192/28");
        for (const host of Object.values<any>(e.hosts)) host.instance.privateIp = "10.196.218.194";
      }),
    ).toBe(
      "hosts.host02.instance.privateIp: 10.196.218.194 is given twice: hosts.host01.instance.privateIp has it too.",
    );
  });
  test("a public address in a private subnet, or private beside a subnet that exists", () => {
    const isPrivate = (e: any) => (e.network.subnets.host02.private = true);
    expect(
      onlyProblemOf((e) => {
        isPrivate(e);
        e.hosts.host02.instance.publicIp = true;
      }),
    ).toBe(
      "hosts.host02.instance.publicIp: true, and subnet host02 is private: leave publicIp out, or put the host into another subnet.",
    );
    expect(labProblems(isPrivate)).toEqual([]);
    expect(
      onlyProblemOf((e) => {
        e.network.vcn = { id: "ocid1.vcn.oc1.eu-frankfurt-1.mine" };
        e.network.subnets.host02 = { id: "ocid1.subnet.oc1.eu-frankfurt-1.mine", private: true };
      }),
    ).toMatch(/^network\.subnets\.host02\.private: this subnet exists, and Oracle knows/);
  });
  test("a host without a public address in a public subnet is warned about, since it has no internet access", () => {
    const warnings = (change: (environment: any) => void) => {
      const environment = committedEnvironment("lab");
      change(environment);
      return environmentWarnings(environment);
    };
    expect(warnings((e) => (e.hosts.host02.instance.publicIp = false))).toEqual([
      "hosts.host02.instance.publicIp: without a public address, host02 does not reach the internet from subnet host02. " +
        "Put it into a subnet with `private: true`, whose default route leads to a NAT gateway.",
    ]);
    expect(warnings(() => undefined)).toEqual([]);
    expect(
      warnings((e) => {
        e.network.subnets.host02.private = true;
        e.hosts.host02.instance.publicIp = false;
      }),
    ).toEqual([]);
  });
  test("an unknown subnet, or none where there are several", () => {
    expect(onlyProblemOf((e) => (e.hosts.host01.instance.subnet = "dmz"))).toBe(
      'hosts.host01.instance.subnet: there is no subnet "dmz": known are host01, host02.',
    );
    expect(onlyProblemOf((e) => delete e.hosts.host01.instance.subnet)).toMatch(
      /there are several subnets, so name one of/,
    );
  });
  test("six Security Lists", () => {
    const ids = [1, 2, 3, 4, 5].map((n) => `ocid1.securitylist.oc1.eu-frankfurt-1.${n}`);
    expect(onlyProblemOf((e) => (e.network.securityList.additionalIds = ids))).toMatch(
      /^network\.securityList\.additionalIds: a subnet has 5 Security Lists at most, and with the shared one these are 6/,
    );
  });
  test("the default list with a name", () => {
    expect(onlyProblemOf((e) => (e.network.securityList.default = true))).toMatch(
      /^network\.securityList\.name: given beside/,
    );
  });
  test("more rules than a list holds", () => {
    expect(
      onlyProblemOf((e) => {
        e.network.operatorCidrs = Array.from({ length: 220 }, (_, n) => `198.51.${n}.10/32`);
      }),
    ).toMatch(/^network\.securityList: 223 ingress rules, and a Security List holds 200/);
  });
  test("more rules than a Network Security Group holds", () => {
    expect(
      onlyProblemOf((e) => {
        e.network.securityGroup = true;
        e.network.operatorCidrs = Array.from({ length: 120 }, (_, n) => `198.51.${n}.10/32`);
      }),
    ).toMatch(/^network\.securityGroup: 125 rules, and a Network Security Group holds 120/);
  });
  test("lists or rules where every subnet exists, unless a group takes the rules", () => {
    const inExistingSubnet = (change: (network: any) => void) =>
      labProblems((e) => {
        e.network.vcn = { id: "ocid1.vcn.oc1.eu-frankfurt-1.mine" };
        e.network.subnets = { all: { id: "ocid1.subnet.oc1.eu-frankfurt-1.mine" } };
        for (const host of Object.values<any>(e.hosts)) host.instance = {};
        change(e.network);
      });
    expect(inExistingSubnet(() => undefined)).toEqual([
      expect.stringMatching(/^network\.securityList: every subnet exists, .*securityGroup: true/),
    ]);
    expect(inExistingSubnet((network) => (network.securityGroup = true))).toEqual([]);
    expect(
      inExistingSubnet((network) => {
        network.securityGroup = true;
        network.securityList.additionalIds = ["ocid1.securitylist.oc1.eu-frankfurt-1.mine"];
      }),
    ).toEqual([expect.stringMatching(/^network\.securityList\.additionalIds: every subnet exists/)]);
  });
  test("a Network Security Group that is neither true, false nor only", () => {
    expect(onlyProblemOf((e) => (e.network.securityGroup = "both"))).toMatch(
      /^network\.securityGroup: .*only/,
    );
  });
  test("no operator CIDR, or an invalid one", () => {
    expect(onlyProblemOf((e) => (e.network.operatorCidrs = []))).toMatch(
      /^network\.operatorCidrs: SSH would be open to nobody/,
    );
    expect(onlyProblemOf((e) => (e.network.operatorCidrs = ["198.51.100.10"]))).toMatch(
      /write 198\.51\.100\.10\/32/,
    );
    expect(labProblems((e) => (e.network.operatorCidrs = ["0.0.0.0/0"]))).toEqual([]);
    expect(networkWarnings({ operatorCidrs: ["0.0.0.0/0"] }, "network")).toEqual([
      expect.stringMatching(
        /^network\.operatorCidrs: 0\.0\.0\.0\/0 opens SSH on every host to the whole internet/,
      ),
    ]);
    expect(networkWarnings({ operatorCidrs: ["198.51.100.10/32"] }, "network")).toEqual([]);
  });
  test("an invalid rule", () => {
    const rule = { protocol: "tpc", cidr: "10.0.0.0", minPort: 10, maxPort: 5 };
    expect(paths(labProblems((e) => (e.network.securityList.ingress = [rule])))).toEqual([
      "network.securityList.ingress[0].protocol",
      "network.securityList.ingress[0].cidr",
      "network.securityList.ingress[0]",
      "network.securityList.ingress[0]",
    ]);
  });
  test("a size that the shape does not have", () => {
    expect(
      onlyProblemOf((e) => {
        e.hosts.host01.instance.shape = "VM.Standard.E2.1.Micro";
        e.hosts.host01.instance.ocpus = 2;
      }),
    ).toMatch(/^hosts\.host01\.instance\.ocpus: VM\.Standard\.E2\.1\.Micro has a fixed size/);
    expect(onlyProblemOf((e) => (e.hosts.host01.instance.memoryInGBs = 65))).toMatch(
      /65 GB do not go with 1 OCPU: use 1 to 64 GB/,
    );
    expect(onlyProblemOf((e) => (e.hosts.host01.instance.shape = "VM Standard"))).toMatch(
      /"VM Standard" is no shape/,
    );
  });
  test("a shape with an unusual name is passed on, with a warning", () => {
    expect(labProblems((e) => (e.hosts.host01.instance.shape = "Cluster7"))).toEqual([]);
    expect(shapeWarning("Cluster7")).toMatch(/"Cluster7" does not look like one of Oracle's/);
    for (const shape of [
      "VM.Standard.A1.Flex",
      "BM.GPU.A100-v2.8",
      "BM.GPU4.8",
      "BM.HPC.E5.144",
      "VM.DenseIO.E5.Flex",
    ])
      expect(shapeWarning(shape), shape).toBeUndefined();
  });
  test("another SSH port, without an image that listens there", () => {
    const change = (e: any) => {
      e.ssh.port = 2222;
      e.hosts.host02.instance.image = { id: "ocid1.image.oc1.eu-frankfurt-1.a" };
    };
    expect(onlyProblemOf(change)).toMatch(/^ssh\.port: 2222 is not where host01 can be reached.*image\.id/);
    expect(labProblems((e) => (e.ssh.port = 22))).toEqual([]);
  });
  test("an image with both id and name, or with an incomplete name", () => {
    const image = { id: "ocid1.image.oc1.eu-frankfurt-1.a", operatingSystem: "Oracle Linux" };
    expect(onlyProblemOf((e) => (e.hosts.host01.instance.image = image))).toMatch(
      /image: given by id and by operatingSystem/,
    );
    expect(onlyProblemOf((e) => (e.hosts.host01.instance.image = { version: "9" }))).toMatch(
      /version 9 of what\?/,
    );
  });
  test("a host that is provisioned and existing, or neither", () => {
    expect(
      onlyProblemOf((e) => (e.hosts.host01.existing = { underlayAddress: "10.0.0.1", hostKey: KEY })),
    ).toMatch(/^hosts\.host01: given as instance and as existing/);
    expect(onlyProblemOf((e) => delete e.hosts.host01.instance)).toMatch(
      /^hosts\.host01: neither instance nor existing/,
    );
  });
  test("an overlay inside the VCN", () => {
    expect(
      onlyProblemOf((e) => {
        oneSubnet(e, "10.196.218.192/28");
        e.overlay.cidrs = ["10.196.218.240/28"];
        e.hosts.host01.overlayAddresses = ["10.196.218.241"];
        e.hosts.host02.overlayAddresses = ["10.196.218.242"];
      }),
    ).toMatch(
      /^overlay\.cidrs\[0\]: 10\.196\.218\.240\/28 overlaps 10\.196\.218\.192\/26 at network\.vcn\.cidr/,
    );
  });
  test("an overlay over one of several subnets of a VCN that exists", () => {
    expect(
      onlyProblemOf((e) => {
        e.network.vcn = { id: "ocid1.vcn.oc1.eu-frankfurt-1.a" };
        e.network.subnets.spare = { cidr: "192.168.0.128/25" };
      }),
    ).toMatch(
      /^overlay\.cidrs\[0\]: 192\.168\.0\.0\/24 overlaps 192\.168\.0\.128\/25 at network\.subnets\.spare\.cidr/,
    );
  });

  describe("an overlay network and the networks of the operators", () => {
    const operators = (...cidrs: string[]) =>
      labProblems((e) => (e.network.operatorCidrs = ["198.51.100.10/32", ...cidrs]));
    const refusal = (cidr: string) =>
      `overlay.cidrs[0]: 192.168.0.0/24 overlaps ${cidr} at network.operatorCidrs[1]: ` +
      "the host would send its answers to you into the overlay, and nobody could log in any more. " +
      "Choose a part of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16 that is in use neither where you come from nor at the hosts";

    test("is refused where an operator CIDR is equal to it or inside it", () => {
      for (const cidr of ["192.168.0.0/24", "192.168.0.50/32"])
        expect(operators(cidr)).toEqual([`${refusal(cidr)}.`]);
    });
    test("is refused where an operator CIDR contains it, with the advice to give a narrower one", () => {
      for (const cidr of ["192.168.0.0/16", "192.0.0.0/8"])
        expect(operators(cidr)).toEqual([
          `${refusal(cidr)}, or give narrower CIDRs at network.operatorCidrs[1].`,
        ]);
    });
    test("is refused with the path of each operator CIDR", () => {
      expect(
        operators("192.168.0.50/32", "203.0.113.0/24", "192.168.0.64/26").map((line) => line.slice(0, 90)),
      ).toEqual([
        expect.stringContaining("192.168.0.50/32 at network.operatorCidrs[1]"),
        expect.stringContaining("192.168.0.64/26 at network.operatorCidrs[3]"),
      ]);
    });
    test("is accepted beside a CIDR that means anyone, or one that does not overlap", () => {
      for (const cidr of ["0.0.0.0/0", "128.0.0.0/1", "192.0.0.0/7", "192.168.1.0/24", "10.0.0.0/8"])
        expect(operators(cidr)).toEqual([]);
    });
    test("is compared for IPv6 too", () => {
      const ipv6 = (operator: string) =>
        labProblems((e) => {
          e.overlay.cidrs = ["192.168.0.0/24", "fd00:77::/64"];
          e.hosts.host01.overlayAddresses.push("fd00:77::1");
          e.hosts.host02.overlayAddresses.push("fd00:77::2");
          e.network.operatorCidrs = ["198.51.100.10/32", operator];
        });
      const notIpv4 = expect.stringMatching(/^network\.operatorCidrs\[1\]: .* is an IPv6 network/);
      const overlap = expect.stringMatching(
        /^overlay\.cidrs\[1\]: fd00:77::\/64 overlaps fd00:77::.* Choose a part of fd00::\/8 that/,
      );
      for (const cidr of ["fd00:77::50/128", "fd00:77::/48"]) expect(ipv6(cidr)).toEqual([notIpv4, overlap]);
      for (const cidr of ["::/0", "fc00::/7", "fd00:78::/64"]) expect(ipv6(cidr)).toEqual([notIpv4]);
      expect(ipv6("0.0.0.0/0")).toEqual([]);
    });
  });
  test("all unknown keys and wrong types at once", () => {
    const lines = labProblems((e) => {
      e.colour = "blue";
      e.network.subnets.host01.cidr = 5;
      e.network.vcn.cidr = "10.196.218.192/31";
    });
    expect(paths(lines)).toEqual(["network.subnets.host01.cidr", "colour"]);
  });
  test("all wrong values at once", () => {
    const lines = labProblems((e) => {
      e.network.vcn.cidr = "10.196.218.192/31";
      e.hosts.host01.instance.faultDomain = "FAULT-DOMAIN-4";
      e.hosts.host02.instance.bootTimeout = 1;
      e.hosts.host02.instance.waitForCapacity = 481;
      e.overlay.vni = 0;
    });
    expect(paths(lines)).toEqual([
      "network.vcn.cidr",
      "network.subnets.host01.cidr",
      "network.subnets.host02.cidr",
      "hosts.host01.instance.faultDomain",
      "hosts.host02.instance.bootTimeout",
      "hosts.host02.instance.waitForCapacity",
      "overlay.vni",
    ]);
  });
});
