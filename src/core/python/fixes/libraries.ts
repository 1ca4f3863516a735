/** Libraries in source: by which name a file knows them, and the import that is added where it knows none. */
import { importedAt } from '../imports';
import { everyNode, fieldOf, lineEnd, partsOf, textOf, type PythonTree, type Syntax } from '../syntax';

interface Spot {
  readonly tree: PythonTree;
  readonly node: Syntax;
}

interface Insertion {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** What `torch` is called there, with the edit that imports it where nothing does. */
export function torchOf({ tree, node }: Spot): { readonly name: string; readonly edits: readonly Insertion[] } {
  for (const { name, path } of importedAt(tree, node).values()) if (path === 'torch') return { name, edits: [] };
  return { name: 'torch', edits: [importAt(tree, 'import torch')] };
}

/** Behind what has to come first: the comments at the head of a file, its own description, the future. */
function importAt(tree: PythonTree, line: string): Insertion {
  const end = lineEnd(tree);
  const { children } = tree.root;
  // Behind a byte order mark, which is no part of the program.
  const start = tree.text.startsWith('\ufeff') ? 1 : 0;
  let head: Syntax | null = null;
  for (const node of children) {
    const isHead =
      node.type === 'future_import_statement' || (isText(node) && (head === null || head.type === 'comment'));
    // `#!/usr/bin/env python`, the encoding, the licence: until the first line that is empty.
    const next = head ? nextLine(tree.text, head.to) : start;
    const isComment = node.type === 'comment' && (head === null || head.type === 'comment') && node.from === next;
    if (isHead || isComment) head = node;
    else if (node.type !== 'comment') break;
  }
  const at = head?.to ?? start;
  return { from: at, to: at, text: head ? `${end}${line}` : `${line}${end}` };
}

const nextLine = (text: string, from: number): number => {
  const at = text.indexOf('\n', from);
  return at === -1 ? text.length : at + 1;
};

const isText = (node: Syntax): boolean =>
  node.type === 'expression_statement' && partsOf(node).every(({ type }) => type === 'string');

/** Names of libraries in source that does not say where they come from. */
const usual: Readonly<Record<string, string>> = {
  torch: 'torch',
  F: 'torch.nn.functional',
  nn: 'torch.nn',
  np: 'numpy',
  numpy: 'numpy',
  math: 'math',
};

/** The dotted name that something in source stands for; null where no import says so. */
function pathOf(tree: PythonTree, node: Syntax): string | null {
  if (node.type === 'identifier') {
    const name = textOf(tree, node);
    const imported = importedAt(tree, node).get(name)?.path;
    return imported ?? (Object.hasOwn(usual, name) ? (usual[name] ?? null) : null);
  }
  const [object, attribute] = [fieldOf(node, 'object'), fieldOf(node, 'attribute')];
  const path = node.type === 'attribute' && object ? pathOf(tree, object) : null;
  return path !== null && attribute ? `${path}.${textOf(tree, attribute)}` : null;
}

/** Whether functions are called on it, `torch` or `F`, and not methods. */
export const isLibrary = (tree: PythonTree, object: Syntax): boolean => pathOf(tree, object) !== null;

/** Whether what is computed there are arrays of NumPy: by the call that is written there, else by what the file imports. */
export function isNumpy(tree: PythonTree, node: Syntax): boolean {
  const paths = [...everyNode(node)].flatMap((one) => (one.type === 'identifier' ? (pathOf(tree, one) ?? []) : []));
  const isOf = (library: string) => (path: string) => path === library || path.startsWith(`${library}.`);
  if (paths.some(isOf('torch'))) return false;
  if (paths.some(isOf('numpy'))) return true;
  return ![...importedAt(tree, node).values()].some(({ path }) => isOf('torch')(path));
}
