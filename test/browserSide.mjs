// Runs in the browser.

/** Of an SVG picture of Graphviz: where its texts are, and its cards, each with its own texts. */
export function pictureBoxes() {
  /** @param {Element} element */
  const boxOf = (element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    return { of: element.textContent?.trim() ?? "", left, right, top, bottom };
  };
  const textsIn = (/** @type {ParentNode} */ parent) => [...parent.querySelectorAll("text")].map(boxOf);
  const nodes = [...document.querySelectorAll("g.node")].filter((node) => node.querySelector("text"));
  return {
    root: document.documentElement.nodeName,
    texts: textsIn(document),
    cards: nodes.map((node) => ({
      card: boxOf(node.querySelector("path, polygon") ?? node),
      texts: textsIn(node),
    })),
  };
}

/** The colour behind the picture. */
export const groundColour = () => getComputedStyle(document.querySelector("polygon")).fill;

/** The SVG that Mermaid, whose script the page has, draws from a text. */
export const drawMermaid = async (/** @type {string} */ text) =>
  (await /** @type {any} */ (globalThis).mermaid.render("picture", text)).svg;

/** What axe-core, whose script the page has, finds against the rules for accessible pages. */
export const runAxe = async () => {
  const { violations } = await /** @type {any} */ (globalThis).axe.run(document);
  return violations.map(
    (/** @type {any} */ { id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`,
  );
};

/** What a screen reader goes by. */
export function tableFacts() {
  const tables = [...document.querySelectorAll("table")].map((table) => {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    return {
      caption: table.caption?.textContent?.trim() ?? "",
      columns: [...(table.tHead?.rows[0]?.cells ?? [])].map(({ tagName, scope }) => ({ tagName, scope })),
      rows: rows.length,
      rowsWithHead: rows.filter((row) => row.querySelectorAll("th[scope=row]").length === 1).length,
    };
  });
  return { title: document.title, language: document.documentElement.lang, tables };
}
