/** Pieces of source that fixes read and write. */
import { enclosing, everyNode, fieldOf, partsOf, textOf, type PythonTree, type Syntax } from '../syntax';

export interface SourceEdit {
  /** UTF-16 offsets in the text as it is; `from` equal to `to` inserts. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** One way to mend a hazard: one undoable change of the file. */
export interface SourceFix {
  readonly id: string;
  readonly title: string;
  /** What to beware of, in a few words; null where nothing needs to be said. */
  readonly warning: string | null;
  readonly edits: readonly SourceEdit[];
}

export interface Place {
  readonly tree: PythonTree;
  readonly node: Syntax;
  text(node: Syntax): string;
}

const statements = ['expression_statement', 'return_statement', 'assert_statement', 'raise_statement', 'if_statement'];

/** The statement that a node is in, where a line may be put before it; null inside of lambdas and comprehensions. */
export function statementOf({ tree, node }: Place): Syntax | null {
  if (enclosing(node, ['lambda', 'list_comprehension', 'generator_expression', 'conditional_expression'])) return null;
  const statement = enclosing(node, statements);
  if (!statement) return null;
  const start = tree.text.lastIndexOf('\n', statement.from - 1) + 1;
  // Two statements on a line, or a body on the line of its `if`.
  return tree.text.slice(start, statement.from).trim() === '' && statement.type !== 'if_statement' ? statement : null;
}

/** A line before a statement, indented as it is. */
export function lineBefore({ tree }: Place, statement: Syntax, line: string): SourceEdit {
  const start = tree.text.lastIndexOf('\n', statement.from - 1) + 1;
  const indent = tree.text.slice(start, statement.from);
  const end = tree.text.includes('\r\n') ? '\r\n' : '\n';
  return { from: start, to: start, text: `${indent}${line}${end}` };
}

/** What `torch` is called in this file, with the edit that imports it where nothing does. */
export function torchOf({ tree }: Place): { readonly name: string; readonly edits: readonly SourceEdit[] } {
  let after: Syntax | null = null;
  for (const node of tree.root.children) {
    if (node.type === 'import_statement')
      for (const part of partsOf(node)) {
        const [name, alias] =
          part.type === 'aliased_import' ? [fieldOf(part, 'name'), fieldOf(part, 'alias')] : [part, null];
        if (name && textOf(tree, name) === 'torch') return { name: textOf(tree, alias ?? name), edits: [] };
      }
    const isHead =
      node.type === 'future_import_statement' ||
      (after === null && node.type === 'expression_statement' && isText(node));
    if (isHead) after = node;
  }
  const end = tree.text.includes('\r\n') ? '\r\n' : '\n';
  const at = after ? after.to : 0;
  const text = after ? `${end}import torch` : `import torch${end}`;
  return { name: 'torch', edits: [{ from: at, to: at, text }] };
}

const isText = (node: Syntax): boolean => partsOf(node).every(({ type }) => type === 'string');

/** Arguments of a call: by name where they have one. */
export function argumentsOf(
  place: Place,
  call: Syntax,
): { positional: readonly Syntax[]; named: ReadonlyMap<string, Syntax> } {
  const list = fieldOf(call, 'arguments');
  const positional: Syntax[] = [];
  const named = new Map<string, Syntax>();
  for (const part of list ? partsOf(list) : []) {
    const [name, given] = [fieldOf(part, 'name'), fieldOf(part, 'value')];
    if (part.type === 'keyword_argument' && name && given) named.set(place.text(name), given);
    else positional.push(part);
  }
  return { positional, named };
}

/** The tensor that a call is about: what it is a method of, or its first argument. */
export function inputOf(place: Place, call: Syntax): Syntax | null {
  const callee = fieldOf(call, 'function');
  const object = callee?.type === 'attribute' ? fieldOf(callee, 'object') : null;
  if (
    object &&
    !/^(torch|F|nn|np|numpy|math)(\.|$)|functional$/.test(place.text(object)) &&
    place.text(object) !== 'self'
  )
    return object;
  const { positional, named } = argumentsOf(place, call);
  return named.get('input') ?? positional[0] ?? null;
}

/** In parentheses, where an operator behind it would take only a part. */
export const grouped = (place: Place, node: Syntax): string =>
  ['identifier', 'attribute', 'call', 'subscript', 'parenthesized_expression'].includes(node.type)
    ? place.text(node)
    : `(${place.text(node)})`;

/** The node with exactly these offsets; of several the outermost. */
export function nodeAt(tree: PythonTree, from: number, to: number): Syntax | null {
  for (const node of everyNode(tree.root)) if (node.from === from && node.to === to) return node;
  return null;
}
