/**
 * Text for a character grid. Names come from a file that nobody has vouched for, so nothing from a model reaches a
 * terminal before `visible` has turned what could move the cursor, change colours or reverse the reading direction
 * into text that can be seen.
 */

/**
 * Control characters (C0, DEL, C1), everything invisible or directional that Unicode calls a format character
 * (bidi marks, embeddings, isolates, zero-width characters, tags), line and paragraph separators, lone surrogates,
 * and variation selectors, which change how their neighbour is drawn.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]/gu;

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One line of text with every unsafe character as a visible escape: `\n`, `\x1b`, `\u202e`, `\u{e0001}`. */
export const visible = (text: string): string => text.replace(unsafe, escapeOf);

/** The same for JSON text, where only the `\uXXXX` form is legal; JSON has already escaped what it must. */
export const jsonSafe = (json: string): string =>
  json.replace(unsafe, (character) =>
    character === '\n'
      ? character
      : [...Array(character.length).keys()].map((i) => `\\u${hex(character.charCodeAt(i), 4)}`).join(''),
  );

function escapeOf(character: string): string {
  const short = shortEscapes[character];
  if (short !== undefined) {
    return short;
  }
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${hex(code, 2)}` : code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 1)}}`;
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

const zeroWidth = /^[\p{Mn}\p{Me}]$/u;

/** Wide and full-width ranges of Unicode's East Asian Width, joined where only unassigned characters lie between. */
const wide: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

/** Columns that `text` takes in a terminal. Expects text without control characters. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x300) {
      width += 1;
    } else if (!zeroWidth.test(character)) {
      width += wide.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
    }
  }
  return width;
}

export const padTo = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - displayWidth(text)));

/** At most `width` columns; what is left out in the middle becomes `…`, so that both ends can be recognised. */
export function clip(text: string, width: number): string {
  if (displayWidth(text) <= width) {
    return text;
  }
  const characters = Array.from(text);
  const head: string[] = [];
  const tail: string[] = [];
  let room = width - 1;
  for (let fromHead = true; characters.length > 0; fromHead = !fromHead) {
    const character = (fromHead ? characters.shift() : characters.pop()) ?? '';
    room -= displayWidth(character);
    if (room < 0) {
      break;
    }
    (fromHead ? head : tail).push(character);
  }
  return `${head.join('')}…${tail.reverse().join('')}`;
}

/**
 * Wraps plain words at `width` columns; every line after the first starts with `indent` spaces. A word that is
 * longer than a line stays whole, so that names can be copied. `Infinity` does not wrap.
 */
export function wrap(text: string, width: number, indent = 0): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const candidate = line === '' ? word : `${line} ${word}`;
    const room = lines.length === 0 ? width : width - indent;
    if (line !== '' && displayWidth(candidate) > room) {
      lines.push(line);
      line = word;
    } else {
      line = candidate;
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}
