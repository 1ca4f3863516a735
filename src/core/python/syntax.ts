/** The syntax tree of a Python file, as rules walk it: plain objects, read from the parser's tree once. */

/** A named node of tree-sitter's Python grammar, or a token that has a field (an operator, say). */
export interface Syntax {
  readonly type: string;
  /** UTF-16 offsets in the text; `to` is behind the last character. */
  readonly from: number;
  readonly to: number;
  /** What the node is to its parent: `left`, `function`, `body`. */
  readonly field: string | null;
  readonly parent: Syntax | null;
  readonly children: readonly Syntax[];
}

export interface PythonTree {
  readonly text: string;
  readonly root: Syntax;
}

/** The part of tree-sitter's cursor that is needed here. */
export interface SyntaxCursor {
  readonly nodeType: string;
  readonly nodeIsNamed: boolean;
  readonly currentFieldName: string | null;
  readonly startIndex: number;
  readonly endIndex: number;
  gotoFirstChild(): boolean;
  gotoNextSibling(): boolean;
  gotoParent(): boolean;
}

type Growing = Syntax & { readonly children: Syntax[] };

/** Nodes between two pauses. */
const stride = 4000;

/**
 * Pauses now and then; its last value is the tree. How deep the tree is does not matter.
 *
 * @param cursor stands on the root, and stays valid until the end
 */
export function* readingTree(cursor: SyntaxCursor, text: string): Generator<void, PythonTree> {
  const node = (parent: Growing | null): Growing => ({
    type: cursor.nodeType,
    from: cursor.startIndex,
    to: cursor.endIndex,
    field: cursor.currentFieldName,
    parent,
    children: [],
  });
  const root = node(null);
  /** Around the cursor, outermost first; null for a token without a field that has children. */
  const around: (Growing | null)[] = [root];
  if (!cursor.gotoFirstChild()) return { text, root };
  for (let visited = 1; ; visited++) {
    if (visited % stride === 0) yield;
    const parent = around.at(-1) ?? null;
    const here = parent && (cursor.nodeIsNamed || cursor.currentFieldName !== null) ? node(parent) : null;
    if (here) parent?.children.push(here);
    if (cursor.gotoFirstChild()) {
      around.push(here);
      continue;
    }
    while (!cursor.gotoNextSibling()) {
      if (around.length === 1) return { text, root };
      cursor.gotoParent();
      around.pop();
    }
  }
}

/** What a generator gives at its end. */
export function ended<Result>(steps: Generator<void, Result>): Result {
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

export const textOf = ({ text }: PythonTree, { from, to }: Syntax): string => text.slice(from, to);

export const fieldOf = (node: Syntax, field: string): Syntax | null =>
  node.children.find((child) => child.field === field) ?? null;

export const fieldsOf = (node: Syntax, field: string): readonly Syntax[] =>
  node.children.filter((child) => child.field === field);

/** What may stand anywhere and means nothing. */
const betweenParts = new Set(['comment', 'line_continuation']);

/** Named parts that are values: no comments, no operator tokens. */
export const partsOf = (node: Syntax): readonly Syntax[] =>
  node.children.filter(({ type, field }) => !betweenParts.has(type) && field !== 'operator' && field !== 'operators');

/** The nearest node around this one, itself included, of one of these types. */
export function enclosing(node: Syntax, types: readonly string[]): Syntax | null {
  for (let at: Syntax | null = node; at; at = at.parent) if (types.includes(at.type)) return at;
  return null;
}

/** All nodes below and including this one, in the order of the text. */
export function* everyNode(node: Syntax): Generator<Syntax> {
  const waiting = [node];
  for (let here = waiting.pop(); here; here = waiting.pop()) {
    yield here;
    for (let at = here.children.length - 1; at >= 0; at--) {
      const child = here.children[at];
      if (child) waiting.push(child);
    }
  }
}

/** As the lines of a file end. */
export const lineEnd = ({ text }: PythonTree): string => (text.includes('\r\n') ? '\r\n' : '\n');

/** Lines and columns (0-based, UTF-16) of offsets in a text. */
export class Lines {
  private readonly starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.starts.push(at + 1);
  }

  /** @param line behind the last one: Infinity */
  startOf(line: number): number {
    return this.starts[line] ?? Infinity;
  }

  at(offset: number): { readonly line: number; readonly character: number } {
    let [low, high] = [0, this.starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low, character: offset - (this.starts[low] ?? 0) };
  }
}
