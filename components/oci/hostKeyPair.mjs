// Draws a host key pair and prints it as JSON. It runs wherever Pulumi does, given to Node on standard input, so it takes
// nothing but Node itself. The private half is in SEC1 PEM, which sshd of every release reads; the public half is
// one line as in known_hosts (RFC 5656, section 3.1).
import { generateKeyPairSync } from "node:crypto";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
const { x, y } = publicKey.export({ format: "jwk" });

const field = (value) => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([length, value]);
};
const point = Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
const type = "ecdsa-sha2-nistp256";
const blob = Buffer.concat([field(Buffer.from(type)), field(Buffer.from("nistp256")), field(point)]);

process.stdout.write(
  JSON.stringify({
    privateKey: privateKey.export({ type: "sec1", format: "pem" }),
    publicKey: `${type} ${blob.toString("base64")}`,
  }),
);
