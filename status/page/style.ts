/**
 * Colours have a contrast of at least 4.5 to their background, on light and on dark pages. Words repeat what a colour
 * says.
 */
export const STYLE = `
  :root {
    color-scheme: light dark;
    --page: #ffffff; --text: #1f2328; --muted: #57606a; --line: #d0d7de; --head: #f6f8fa;
    --well: #1a7f37; --poor: #8a4b00; --wrong: #b3261e; --wrong-ground: #fff1f0; --warning-ground: #fff8e6;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --page: #0d1117; --text: #e6edf3; --muted: #9198a1; --line: #30363d; --head: #161b22;
      --well: #4cc26b; --poor: #e3a04f; --wrong: #ff8a80; --wrong-ground: #2a1210; --warning-ground: #2a2110;
    }
  }
  * { box-sizing: border-box; }
  body {
    margin: 0 auto; padding: 1rem; max-width: 80rem; background: var(--page); color: var(--text);
    font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
  }
  h1 { font-size: 1.5rem; margin: 0; }
  h2 { font-size: 1.25rem; margin: 2rem 0 0; }
  h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
  p { margin: .25rem 0; }
  h1 strong { border: 2px solid; border-radius: .5rem; padding: 0 .5rem; white-space: nowrap; }
  .well { color: var(--well); } .poor { color: var(--poor); } .wrong { color: var(--wrong); }
  td.wrong { font-weight: bold; } .off, footer, header p { color: var(--muted); }
  .notice { color: var(--text); border-left: .25rem solid; padding: .25rem 1rem; margin: 1rem 0; }
  .notice.wrong { border-color: var(--wrong); background: var(--wrong-ground); }
  .notice.warning { border-color: var(--poor); background: var(--warning-ground); }
  .notice li { white-space: pre-line; }
  .notice ul { padding-left: 1rem; margin: .25rem 0; }
  .notice h3 { margin-top: .25rem; }
  .scrollable { overflow-x: auto; margin: .5rem 0; }
  table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
  caption { text-align: left; color: var(--muted); white-space: nowrap; }
  th, td { border: 1px solid var(--line); padding: .25rem .5rem; text-align: left; white-space: nowrap; }
  th { background: var(--head); }
  tbody th { position: sticky; left: 0; }
  td.text { white-space: normal; min-width: 16rem; }
  @media print { body { max-width: none; } .scrollable { overflow: visible; } }
`;
