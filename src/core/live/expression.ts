/**
 * The expression under the pointer in a line of source, as far as it may be evaluated without running anything: names,
 * attributes, and subscripts by literals, names and slices. Never a call.
 */

export type Language = 'python' | 'javascript';

export interface Expression {
  readonly text: string;
  /** Columns in the line, `to` exclusive. */
  readonly from: number;
  readonly to: number;
}

interface Grammar {
  readonly chain: RegExp;
  readonly step: RegExp;
  readonly name: RegExp;
  /** Words that are no names. */
  readonly words: ReadonlySet<string>;
  /** Text, with the bracket around it where it is a key; or a comment. */
  readonly textOrComment: RegExp;
}

const wordsOf = (words: string): ReadonlySet<string> => new Set(words.split(' '));

const grammars: Readonly<Record<Language, Grammar>> = {
  python: {
    chain: /[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*|\[[\w\s:,.'"+-]*\])*/gu,
    step: /^[A-Za-z_]\w*|\s*\.\s*[A-Za-z_]\w*|\[[^\]]*\]/gu,
    name: /(?<![\w.])[A-Za-z_]\w*/gu,
    words: wordsOf(
      'and as assert async await break class continue def del elif else except finally for from global if import in is ' +
        'lambda nonlocal not or pass raise return try while with yield None True False',
    ),
    textOrComment: /(\[\s*)?[rbfuRBFU]{0,2}(?:'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?)(\s*\])?|#.*/gu,
  },
  javascript: {
    chain: /[\p{ID_Start}$_][\w$]*(?:\s*\??\.\s*#?[\p{ID_Start}$_][\w$]*|(?:\?\.)?\[[\w\s:,.'"+$-]*\])*/gu,
    step: /^[\p{ID_Start}$_][\w$]*|\s*\??\.\s*#?[\p{ID_Start}$_][\w$]*|(?:\?\.)?\[[^\]]*\]/gu,
    name: /(?<![\w$.#])[\p{ID_Start}$_][\w$]*/gu,
    words: wordsOf(
      'async await break case catch class const continue debugger default delete do else export extends finally for ' +
        'function if import in instanceof let new of return static super switch throw try typeof var void while with ' +
        'yield null true false undefined',
    ),
    textOrComment:
      /(\[\s*)?(?:'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?|`(?:\\.|[^`\\])*`?)(\s*\])?|\/\/.*|\/\*.*?(?:\*\/|$)/gu,
  },
};

/** Null between expressions, on keywords, and inside of comments and text. */
export function expressionAt(language: Language, line: string, column: number): Expression | null {
  const grammar = grammars[language];
  const code = withoutText(grammar, line);
  for (const match of code.matchAll(grammar.chain)) {
    const from = match.index;
    if (column < from || column > from + match[0].length) continue;
    const to = endOfStep(grammar, match[0], column - from) + from;
    const text = code.slice(from, to);
    return grammar.words.has(text) || /^\s*(?:\?\.)?\(/u.test(code.slice(to)) ? null : { text, from, to };
  }
  return null;
}

/** Names of a line of code, each with the columns of its last mention; attributes and keywords are none. */
export function namesIn(language: Language, line: string): Map<string, Expression> {
  const { name, words } = grammars[language];
  const found = new Map<string, Expression>();
  for (const match of withoutText(grammars[language], line).matchAll(name)) {
    const [text] = match;
    if (!words.has(text)) found.set(text, { text, from: match.index, to: match.index + text.length });
  }
  return found;
}

/**
 * Whether an expression of the source gives the tensor at `path`, or in Python a part of it, by its text alone: nothing
 * is evaluated. Quotes and spaces may differ.
 */
export function gives(language: Language, expression: string, path: string): boolean {
  const [source, known] = [canonical(expression), canonical(path)];
  return source === known || (language === 'python' && source.startsWith(`${known}[`));
}

/** One kind of quotes, no spaces outside of them, no optional chaining. */
const canonical = (text: string): string =>
  text.replace(
    /'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|\s+|\?\.(?=\[)|\?(?=\.)/gu,
    (_, single?: string, double?: string) =>
      single === undefined && double === undefined ? '' : `"${single ?? double ?? ''}"`,
  );

/** `a.b[0].c` up to the end of the step that holds `column`: pointing at `b` means `a.b`. */
function endOfStep({ step: steps }: Grammar, text: string, column: number): number {
  for (const step of text.matchAll(steps)) {
    const end = step.index + step[0].length;
    if (column <= end) return end;
  }
  return text.length;
}

const key = /^\[\s*(['"])[\w. -]*\1\s*\]$/u;

/** The line with its text and comments blanked, columns kept. Keys in subscripts stay: they are part of a chain. */
const withoutText = ({ textOrComment }: Grammar, line: string): string =>
  line.replace(textOrComment, (all: string, open: string | undefined = '', close: string | undefined = '') =>
    key.test(all) ? all : open + ' '.repeat(all.length - open.length - close.length) + close,
  );
