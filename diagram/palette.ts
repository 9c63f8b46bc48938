/**
 * The colours of a picture by what they are for, each for a light and for a dark page. Text has a contrast of at least
 * 4.5 to its background, and lines and borders with a meaning one of at least 3.
 */
export const PALETTE = {
  page: { light: "#ffffff", dark: "#0d1117" },
  text: { light: "#1f2328", dark: "#e6edf3" },
  muted: { light: "#57606a", dark: "#9198a1" },
  card: { light: "#fefefe", dark: "#161b22" },
  border: { light: "#6e7781", dark: "#7d8590" },
  /** The underlay: VCN, its guard, its subnets. */
  vcn: { light: "#f0f6fc", dark: "#0f1b2d" },
  vcnLine: { light: "#2f6fb3", dark: "#4f8fd6" },
  guardLine: { light: "#8a5a00", dark: "#c99a2e" },
  outside: { light: "#f6f8fa", dark: "#12161c" },
  subnet: { light: "#dfebf7", dark: "#15263d" },
  /** The overlay. */
  plane: { light: "#f3f8f1", dark: "#10201a" },
  planeLine: { light: "#2e7d4f", dark: "#3fa36b" },
  /** What a status report says of hosts and paths; good ones have the colour of the overlay. */
  poor: { light: "#95500a", dark: "#e3a04f" },
  bad: { light: "#b3261e", dark: "#ff8a80" },
} as const satisfies Record<string, { light: string; dark: string }>;

export type ColourName = keyof typeof PALETTE;

/** The colour on a light page, which stands in the picture; a style sheet turns it into the dark one. */
export const colour = (name: ColourName) => PALETTE[name].light;

/** The style sheet for dark pages. Each light colour stands for one use only, so it can be replaced by itself. */
export function darkStyle(): string {
  const rules = Object.values(PALETTE).map(
    ({ light, dark }) => `  [fill="${light}"] { fill: ${dark} }\n  [stroke="${light}"] { stroke: ${dark} }`,
  );
  return `@media (prefers-color-scheme: dark) {\n${rules.join("\n")}\n}`;
}
