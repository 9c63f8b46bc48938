import { expect, test } from "vitest";
import { withDefaults } from "../../components/vxlan/settings.ts";
import { validateVerifyPort } from "../../components/vxlan/validation/settings.ts";

test("a port that is none is refused", () => {
  expect(validateVerifyPort(withDefaults({ verifyPort: 70000 }), "overlay.verifyPort")).toEqual([
    { path: "overlay.verifyPort", message: expect.stringContaining("70000 is no TCP port") },
  ]);
  expect(validateVerifyPort(withDefaults({ verifyPort: 22 }), "verifyPort")).toEqual([]);
});
