import { testRelease } from "./support/releaseSuite.ts";

testRelease(13);
