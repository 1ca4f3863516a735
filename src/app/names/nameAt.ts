/** The name under the pointer in a line of source, as far as it may stand for a module or a tensor of a model. */

export interface NamePlace {
  readonly text: string;
  /** `text`: what stands between quotes; `attribute`: behind a dot; `variable`: by itself. */
  readonly as: 'text' | 'attribute' | 'variable';
  /** Columns in the line, `to` exclusive. */
  readonly from: number;
  readonly to: number;
}

/** Beyond this it is no name. */
const longest = 1000;
const quoted = /'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|`((?:\\.|[^`\\])*)`/gu;
const word = /[\p{ID_Start}_][\p{ID_Continue}]*/gu;

/** @param words whether names outside of quotes count, as they do in Python */
export function nameAt(line: string, column: number, words: boolean): NamePlace | null {
  for (const match of line.matchAll(quoted)) {
    const text = match[1] ?? match[2] ?? match[3] ?? '';
    const from = match.index + 1;
    const to = match.index + match[0].length - 1;
    if (column < match.index || column > to) continue;
    return text === '' || text.length > longest ? null : { text, as: 'text', from, to };
  }
  if (!words) return null;
  for (const match of line.matchAll(word)) {
    const [text] = match;
    const from = match.index;
    const to = from + text.length;
    if (column < from || column > to) continue;
    return { text, as: /\.\s*$/u.test(line.slice(0, from)) ? 'attribute' : 'variable', from, to };
  }
  return null;
}
