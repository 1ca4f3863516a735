/**
 * The expression under the pointer in a line of Python, as far as it may be evaluated without running anything: names,
 * attributes, and subscripts by literals, names and slices. Never a call.
 */

export interface Expression {
  readonly text: string;
  /** Columns in the line, `to` exclusive. */
  readonly from: number;
  readonly to: number;
}

const chain = /[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*|\[[\w\s:,.'"+-]*\])*/gu;
const words = new Set(
  (
    'and as assert async await break class continue def del elif else except finally for from global if import in is ' +
    'lambda nonlocal not or pass raise return try while with yield None True False'
  ).split(' '),
);

/** Null between expressions, on keywords, and inside of comments and text. */
export function expressionAt(line: string, column: number): Expression | null {
  const code = withoutText(line);
  for (const match of code.matchAll(chain)) {
    const from = match.index;
    if (column < from || column > from + match[0].length) continue;
    const to = endOfStep(match[0], column - from) + from;
    const text = code.slice(from, to);
    return words.has(text) || /^\s*\(/.test(code.slice(to)) ? null : { text, from, to };
  }
  return null;
}

/** Names of a line of code, each with the columns of its last mention; attributes and keywords are none. */
export function namesIn(line: string): Map<string, Expression> {
  const found = new Map<string, Expression>();
  for (const match of withoutText(line).matchAll(/(?<![\w.])[A-Za-z_]\w*/gu)) {
    const [text] = match;
    if (!words.has(text)) found.set(text, { text, from: match.index, to: match.index + text.length });
  }
  return found;
}

/** `a.b[0].c` up to the end of the step that holds `column`: pointing at `b` means `a.b`. */
function endOfStep(text: string, column: number): number {
  for (const step of text.matchAll(/^[A-Za-z_]\w*|\s*\.\s*[A-Za-z_]\w*|\[[^\]]*\]/gu)) {
    const end = step.index + step[0].length;
    if (column <= end) return end;
  }
  return text.length;
}

const textOrComment = /(\[\s*)?[rbfuRBFU]{0,2}(?:'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?)(\s*\])?|#.*/gu;
const key = /^\[\s*(['"])[\w. -]*\1\s*\]$/u;

/** The line with its text and comments blanked, columns kept. Keys in subscripts stay: they are part of a chain. */
const withoutText = (line: string): string =>
  line.replace(textOrComment, (all: string, open: string | undefined = '', close: string | undefined = '') =>
    key.test(all) ? all : open + ' '.repeat(all.length - open.length - close.length) + close,
  );
