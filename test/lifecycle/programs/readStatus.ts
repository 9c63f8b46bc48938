import { CouldNotLook, readStatus, statusSchema } from "../../../status/index.ts";

/** Reads the status of a stack as a program of one's own does, and prints what it gets. */

const [stack] = process.argv.slice(2);
try {
  const report = await readStatus({ stack, directory: process.cwd() });
  console.log(JSON.stringify(statusSchema.parse(report)));
} catch (error) {
  if (!(error instanceof CouldNotLook)) throw error;
  console.log(`could not look: ${error.message}`);
}
