import ssh2 from "ssh2";

/** Generates an ed25519 key pair as ssh-keygen writes it; a passphrase encrypts the private key. */
export function generateKeyPair(passphrase?: string): { private: string; public: string } {
  // About one in 150 pairs that ssh2 generates cannot be parsed, by ssh2 itself included.
  for (let attempts = 0; attempts < 10; attempts++) {
    const pair =
      passphrase === undefined
        ? ssh2.utils.generateKeyPairSync("ed25519")
        : ssh2.utils.generateKeyPairSync("ed25519", { passphrase, cipher: "aes256-ctr", rounds: 4 });
    if (!(ssh2.utils.parseKey(pair.private, passphrase) instanceof Error)) return pair;
  }
  throw new Error("ssh2 generated ten key pairs, and none can be parsed");
}
