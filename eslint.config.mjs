import pulumi from "@pulumi/eslint-plugin";
import tseslint from "typescript-eslint";

const BENCH = { group: ["**/bench/**"], message: "Nothing knows that the benches exist." };

/**
 * Import directions, as docs/architecture.md draws them: an import points downwards only, and nothing
 * outside lab/ and test/ knows that the lab exists.
 *
 * @param {string[]} files the folder the rule holds for
 * @param {{ group: string[], message: string }[]} patterns what it must not import
 */
const mayNotImport = (files, patterns) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [...patterns, BENCH] }] },
});

/**
 * The rule of a pure layer with folders of one level.
 *
 * @param {string} layer its folder
 * @param {string} message what the layer may import
 * @param {string} [below] folder beside it, the only one outside that it may import
 */
const pureLayer = (layer, message, below) =>
  [1, 2].map((depth) => {
    const others = below ? `(?!${below}/)` : "";
    return mayNotImport(
      [`${layer}${"/*".repeat(depth)}.ts`],
      [
        { group: ["@pulumi/*", "zod"], message: `${layer} is pure: no Pulumi, no zod.` },
        { regex: `^(\\.\\./){${depth}}${others}`, message },
      ],
    );
  });

/** The lab's folders from top to bottom. */
const LAB_LAYERS = ["cli", "pulumi", "cloud", "hosts", "network", "system"];

const PRODUCT = {
  group: ["**/components/**", "**/stacks/**", "**/status/*.ts", "**/diagram/**"],
  message: "The lab knows the cloud, not the product.",
};

export default tseslint.config(
  { ignores: ["node_modules/", ".lab/", "coverage/"] },
  ...tseslint.configs.recommendedTypeChecked,
  // Bootstrap files run before anything is installed; they carry no types of their own.
  { files: ["**/*.mjs"], extends: [tseslint.configs.disableTypeChecked] },
  {
    plugins: { "@pulumi": pulumi },
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.mjs"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: { eqeqeq: "error" },
  },
  {
    files: ["**/*.ts"],
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ["components/**/*.ts", "stacks/**/*.ts"],
    rules: { "@pulumi/no-output-in-template-literal": "error" },
  },
  {
    files: ["components/**/*.ts"],
    ignores: ["components/vxlan/hostText.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "ImportDeclaration[source.value='node:fs']",
          message: "Use readHostText: a checkout on Windows has line ends that no shell on a host reads.",
        },
      ],
    },
  },
  {
    // Tests break inputs on purpose, and look into values that have no type.
    files: ["test/**", "lab/test/**"],
    rules: {
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
    },
  },
  ...pureLayer("components/vxlan", "components/vxlan imports nothing of ours."),
  ...pureLayer("components/oci", "components/oci imports only components/vxlan.", "vxlan"),
  mayNotImport(
    ["components/*.ts"],
    [
      {
        group: ["**/lab/**", "**/stacks/**", "**/status/**", "**/diagram/**", "zod"],
        message: "components import only the pure halves below them, and Pulumi.",
      },
    ],
  ),
  mayNotImport(
    ["stacks/**"],
    [
      {
        group: ["**/lab/**", "**/status/**", "**/diagram/**"],
        message: "Stacks know neither the lab nor what looks at them.",
      },
    ],
  ),
  mayNotImport(
    ["status/**"],
    [
      { group: ["**/lab/**", "**/stacks/**"], message: "status/ imports components only." },
      { group: ["@pulumi/*"], message: "Loading Pulumi's SDK takes longer than the look at a host." },
    ],
  ),
  mayNotImport(
    ["diagram/**"],
    [{ group: ["**/lab/**"], message: "Pictures do not know that the lab exists." }],
  ),
  mayNotImport(["test/**"], []),
  mayNotImport(["lab/setup/**"], [PRODUCT]),
  ...LAB_LAYERS.map((layer, index) =>
    mayNotImport(
      [`lab/${layer}/**`],
      [
        PRODUCT,
        ...LAB_LAYERS.slice(0, index).map((upper) => ({
          group: [`../**/${upper}/**`],
          message: `lab/${layer} is below lab/${upper}.`,
        })),
      ],
    ),
  ),
);
