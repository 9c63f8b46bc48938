import { renameSync, writeFileSync } from "node:fs";
import { statusPicture } from "../../diagram/statusPicture.ts";
import type { StatusReport } from "../report.ts";
import { statusPage } from "./page.ts";

/**
 * Writes the page of a report, all at once, since a browser may be reading the file.
 *
 * @param reload seconds after which a browser loads the page again
 */
export async function writePage(file: string, report: StatusReport, reload?: number): Promise<void> {
  const page = await statusPage(report, { picture: await statusPicture(report), reload });
  const part = `${file}.part`;
  writeFileSync(part, page);
  renameSync(part, file);
}
