import { readHostText } from "./hostText.ts";

const { version } = JSON.parse(readHostText(new URL("../../package.json", import.meta.url))) as {
  version: string;
};

/** The release of this checkout: the version in package.json, for example 0.1.0. */
export const RELEASE = version;
