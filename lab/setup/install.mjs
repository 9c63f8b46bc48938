// Installs what the checks and the tests need. Plain JavaScript without dependencies.
import { installMissing } from "./bootstrap.mjs";

await installMissing({ only: "install", debian: process.platform === "linux" && process.getuid?.() === 0 });
