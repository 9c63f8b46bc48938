/** The Debian packages with the lab's tools. Everything else comes from npm, or is built with Go. */
export const PACKAGES = [
  { tool: "ip", package: "iproute2", why: "network namespaces and links" },
  { tool: "nft", package: "nftables", why: "the rules between them" },
  { tool: "mmdebstrap", package: "mmdebstrap", why: "host images" },
  { tool: "systemd-nspawn", package: "systemd-container", why: "booting hosts" },
  { tool: "ssh", package: "openssh-client", why: "logging in to hosts, and their keys" },
  { tool: "nsenter", package: "util-linux", why: "running a command inside a namespace" },
  { tool: "openssl", package: "openssl", why: "the certificates of the lab's cloud" },
  { tool: "iptables", package: "iptables", why: "testing the host side alone, in a namespace" },
  {
    tool: "pip3",
    package: "python3-pip",
    why: "installing Oracle's command line and an S3 server for tests",
  },
  { tool: "shellcheck", package: "shellcheck", why: "checking the scripts" },
];
