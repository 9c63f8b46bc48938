import ssh2 from "ssh2";

/** A key pair as ssh-keygen writes it; with a passphrase, the private half is locked. */
export function drawKeyPair(passphrase?: string): { private: string; public: string } {
  // One in about 150 that the library draws cannot be read by anybody, the library included.
  for (let tries = 0; tries < 10; tries++) {
    const pair =
      passphrase === undefined
        ? ssh2.utils.generateKeyPairSync("ed25519")
        : ssh2.utils.generateKeyPairSync("ed25519", { passphrase, cipher: "aes256-ctr", rounds: 4 });
    if (!(ssh2.utils.parseKey(pair.private, passphrase) instanceof Error)) return pair;
  }
  throw new Error("no key pair that was drawn can be read");
}
