// Runs in the browser, on a page that is an SVG picture of Graphviz.

/** Where the texts of the picture are, and where its cards are, each with its own texts. */
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
