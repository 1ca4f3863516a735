/**
 * Names come from model files and so from anyone. Places of the editor that give meaning to characters (links in
 * notifications, `$(icon)` in labels, bidirectional controls everywhere) get them through here.
 */

/** Line breaks, other controls, and the marks that reorder what follows them. */
// eslint's no-control-regex would object to a literal; the class is built from code points instead.
const unsafe = new RegExp(
  `[${[
    [0x00, 0x1f],
    [0x7f, 0x9f],
    [0x200b, 0x200f],
    [0x2028, 0x202e],
    [0x2060, 0x2069],
    [0xfeff, 0xfeff],
  ]
    .map(([from = 0, to = 0]) => `\\u${hex(from)}-\\u${hex(to)}`)
    .join('')}]+`,
  'g',
);

function hex(code: number): string {
  return code.toString(16).padStart(4, '0');
}

/** One line of harmless text, cut at `limit` characters with an ellipsis. */
export function plainText(text: string, limit = 600): string {
  const line = text.replace(unsafe, ' ').replaceAll('](', '] (').replaceAll('$(', '$ (').trim();
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}
