/**
 * A host's text as it may go to a terminal or a log. Control and format characters, which could rewrite what a terminal
 * shows, become `�`; newlines and tabs stay.
 */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(/[^\P{C}\n\t]/gu, "\uFFFD");
}
