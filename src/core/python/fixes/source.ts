/** Pieces of source that fixes read and write. */
import type { Clue } from '../rules/types';
import { enclosing, everyNode, fieldOf, lineEnd, partsOf, type PythonTree, type Syntax } from '../syntax';
import { isLibrary } from './libraries';

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

/** A fix that puts one text in the place of another. */
export const replaced = (id: string, title: string, { from, to }: Syntax, text: string): SourceFix => ({
  id,
  title,
  warning: null,
  edits: [{ from, to, text }],
});

export interface Place {
  readonly tree: PythonTree;
  readonly node: Syntax;
  readonly clue: Clue;
  text(node: Syntax): string;
}

const statements = ['expression_statement', 'return_statement', 'assert_statement', 'raise_statement', 'if_statement'];

/** What is in there is not computed whenever its statement is, or more than once. */
const conditional = [
  'lambda',
  'list_comprehension',
  'set_comprehension',
  'dictionary_comprehension',
  'generator_expression',
  'conditional_expression',
  'boolean_operator',
];

/** The statement that a node is in, where a line may be put before it; null where that may be computed in vain. */
export function statementOf({ tree }: Place, node: Syntax): Syntax | null {
  if (enclosing(node, conditional)) return null;
  const statement = enclosing(node, statements);
  if (!statement) return null;
  const start = tree.text.lastIndexOf('\n', statement.from - 1) + 1;
  // Two statements on a line, or a body on the line of its `if`.
  return tree.text.slice(start, statement.from).trim() === '' && statement.type !== 'if_statement' ? statement : null;
}

/** Lines before a statement, indented as it is. */
export function linesBefore({ tree }: Place, statement: Syntax, lines: readonly string[]): SourceEdit {
  const start = tree.text.lastIndexOf('\n', statement.from - 1) + 1;
  const indent = tree.text.slice(start, statement.from);
  return { from: start, to: start, text: lines.map((line) => `${indent}${line}${lineEnd(tree)}`).join('') };
}

/** A value that a fix reads more than once: by its name, or by one that it is given on a line before. */
export interface Named {
  readonly name: string;
  /** Lines that come first, before `statement`. */
  readonly lines: readonly string[];
  /** The value where it stood, by its name. */
  readonly edits: readonly SourceEdit[];
  readonly statement: Syntax;
}

/** @param as what it is called where it has no name; another where that is taken */
export function namedValue(place: Place, node: Syntax, as: string): Named | null {
  const statement = statementOf(place, node);
  if (!statement) return null;
  if (node.type === 'identifier' && isOwn(place, node))
    return { name: place.text(node), lines: [], edits: [], statement };
  const name = freshName(place, as);
  const text = place.text(node);
  const whole = text.includes('\n') && node.type !== 'parenthesized_expression' ? `(${text})` : text;
  return {
    name,
    lines: [`${name} = ${whole}`],
    edits: [{ from: node.from, to: node.to, text: name }],
    statement,
  };
}

/** A name that is given a value again in its own function: one from outside would be another one there. */
function isOwn(place: Place, node: Syntax): boolean {
  const body = enclosing(node, ['function_definition', 'lambda']);
  const name = place.text(node);
  return (
    body === null ||
    [...everyNode(body)].some((one) => one.type === 'identifier' && place.text(one) === name && isBound(one))
  );
}

/** A parameter, or what something is assigned to. */
function isBound(name: Syntax): boolean {
  for (let at = name; at.parent; at = at.parent) {
    const { field, parent } = at;
    if (field === 'left' || field === 'alias' || (field === 'name' && parent.type === 'named_expression')) return true;
    if (parent.type.endsWith('parameters') || parent.type.endsWith('_target')) return true;
    const isPart = /^(typed|default|typed_default)_parameter$|pattern|^(tuple|list)$|^expression_list$/.test(
      parent.type,
    );
    if (!isPart || field === 'type' || field === 'value') return false;
  }
  return false;
}

export function freshName(place: Place, as: string): string {
  const taken = new Set<string>();
  for (const node of everyNode(place.tree.root)) if (node.type === 'identifier') taken.add(place.text(node));
  let name = as;
  for (let at = 2; taken.has(name); at++) name = `${as}_${String(at)}`;
  return name;
}

/** `a * b`, `a *= b`, `torch.mul(a, b)` and `a.mul(b)`: its operands, and the edit that puts something else there. */
export interface Operation {
  readonly left: Syntax;
  readonly right: Syntax;
  readonly instead: (text: string) => SourceEdit;
}

export function operandsOf(place: Place): { readonly left: Syntax; readonly right: Syntax } | null {
  const { node } = place;
  let [left, right] = [fieldOf(node, 'left'), fieldOf(node, 'right')];
  if (node.type === 'call') {
    left = inputOf(place, node);
    const { positional, named } = argumentsOf(place, node);
    right = named.get('other') ?? positional.find((one) => one !== left) ?? null;
  }
  return left && right ? { left, right } : null;
}

export function operationOf(place: Place): Operation | null {
  const { node } = place;
  const { from, to } = node;
  const operands = operandsOf(place);
  if (!operands) return null;
  if (node.type === 'augmented_assignment')
    return { ...operands, instead: (text) => ({ from, to, text: `${place.text(operands.left)} = ${text}` }) };
  // What changes its tensor in place gives it, too.
  const inPlace = node.type === 'call' && /[^_]_$/.test(place.text(fieldOf(node, 'function') ?? node));
  const isOperation = node.type === 'call' || node.type === 'binary_operator';
  return isOperation && !inPlace ? { ...operands, instead: (text) => ({ from, to, text }) } : null;
}

/** Comments of what a fix writes anew, on lines of their own before its statement; those in what it keeps stay there. */
export function withComments(place: Place, kept: readonly Syntax[]): readonly SourceEdit[] {
  const lost = [...everyNode(place.node)].filter(
    (node) => node.type === 'comment' && !kept.some(({ from, to }) => from <= node.from && node.to <= to),
  );
  const statement = enclosing(place.node, statements);
  return lost.length > 0 && statement
    ? [
        linesBefore(
          place,
          statement,
          lost.map((one) => place.text(one)),
        ),
      ]
    : [];
}

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
  // `self.softmax` is a layer, `self.scores.softmax` a method of a tensor.
  if (object && place.text(object) !== 'self' && !isLibrary(place.tree, object)) return object;
  const { positional, named } = argumentsOf(place, call);
  return named.get('input') ?? positional[0] ?? null;
}

/** In parentheses, where an operator behind it would take only a part. */
export const grouped = (place: Place, node: Syntax): string =>
  ['identifier', 'attribute', 'call', 'subscript', 'parenthesized_expression'].includes(node.type)
    ? place.text(node)
    : `(${place.text(node)})`;

/** The node with exactly these offsets; of several the outermost, statements left out. */
export function nodeAt(tree: PythonTree, from: number, to: number): Syntax | null {
  for (const node of everyNode(tree.root))
    if (node.from === from && node.to === to && node.type !== 'module' && node.type !== 'expression_statement')
      return node;
  return null;
}
