import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import puppeteer from "puppeteer-core";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll } from "vitest";
import { run } from "../lab/system/commands.ts";
import { npmPackage } from "./npmPackage.ts";

/**
 * A headless Chromium with libraries and a font of its own, so that pages look alike on every machine. npm carries it,
 * because Ubuntu's is a snap, which runs in no container.
 */
const CHROMIUM = {
  name: "@sparticuz/chromium",
  version: "153.0.0",
  integrity:
    "sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==",
};

/** Milliseconds for what a fresh machine downloads: 67 MB for the browser. */
export const DOWNLOAD_LIMIT = 300_000;

/** Starts a browser for the tests of a file, and ends it after them. */
export function useBrowser(): { get: () => Browser } {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launch();
  }, DOWNLOAD_LIMIT);
  afterAll(() => browser?.close());
  return {
    get: () => {
      if (!browser) throw new Error("the browser does not run");
      return browser;
    },
  };
}

async function launch(): Promise<Browser> {
  if (process.arch !== "x64")
    throw new Error(`npm carries no headless Chromium for ${process.arch}: run this test on x86-64.`);
  const folder = join(await npmPackage(CHROMIUM, unpack), "bin");
  writeFileSync(join(folder, "fonts.conf"), fontSettings(folder));
  return puppeteer.launch({
    executablePath: join(folder, "chromium"),
    headless: "shell",
    // Tests run as root, where Chromium's sandbox does not start. They open pages of this project only.
    args: ["--no-sandbox"],
    env: { ...process.env, LD_LIBRARY_PATH: join(folder, "lib"), FONTCONFIG_PATH: folder, HOME: folder },
  });
}

const fontSettings = (folder: string) => `<?xml version="1.0"?>
<fontconfig>
  <dir>${join(folder, "fonts")}</dir>
  <cachedir>${join(folder, "font-cache")}</cachedir>
</fontconfig>
`;

const decompress = promisify(brotliDecompress);

async function unpack(folder: string): Promise<void> {
  const bin = join(folder, "bin");
  const program = join(bin, "chromium");
  writeFileSync(program, await decompress(readFileSync(`${program}.br`)));
  chmodSync(program, 0o755);
  for (const archive of ["al2023.tar", "fonts.tar"]) {
    const file = join(bin, archive);
    writeFileSync(file, await decompress(readFileSync(`${file}.br`)));
    await run(["tar", "--extract", "--file", file, "--directory", bin]);
  }
}
