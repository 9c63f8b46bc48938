/** Ranges that no host on an overlay can have: what ipaddr.js calls them, in the words of an error. */
export const UNUSABLE: Readonly<Record<string, string>> = {
  unspecified: "the unspecified address",
  broadcast: "the broadcast address",
  multicast: "a multicast address",
  linkLocal: "a link-local address",
  loopback: "a loopback address",
};
