/** What the imports of a file bind: `F` for `torch.nn.functional`. */
import { enclosing, everyNode, fieldOf, fieldsOf, textOf, type PythonTree, type Syntax } from './syntax';

export interface Imported {
  readonly name: string;
  /** What the name stands for, dotted. */
  readonly path: string;
  /** `from torch import nn`, where the name may be anything that the module holds. */
  readonly isFrom: boolean;
}

/** @param statement `import …` or `from … import …` */
export function importedBy(tree: PythonTree, statement: Syntax): readonly Imported[] {
  const home = fieldOf(statement, 'module_name');
  const from = home ? `${textOf(tree, home)}.` : '';
  return fieldsOf(statement, 'name').flatMap((part) => {
    const [name, alias] =
      part.type === 'aliased_import' ? [fieldOf(part, 'name'), fieldOf(part, 'alias')] : [part, null];
    if (!name) return [];
    const path = `${from}${textOf(tree, name)}`;
    if (alias) return [{ name: textOf(tree, alias), path, isFrom: home !== null }];
    if (home) return [{ name: textOf(tree, name), path, isFrom: true }];
    // `import torch.nn` binds `torch`.
    const root = path.split('.')[0] ?? path;
    return [{ name: root, path: root, isFrom: false }];
  });
}

/** Every name that an import binds at this place: those of the module, and those of the functions around it. */
export function importedAt(tree: PythonTree, node: Syntax): ReadonlyMap<string, Imported> {
  return new Map(
    importsOf(tree)
      .filter(({ scope }) => scope === null || (scope.from <= node.from && node.to <= scope.to))
      .map(({ imported }) => [imported.name, imported]),
  );
}

interface Binding {
  readonly imported: Imported;
  /** The function that it is imported in. */
  readonly scope: Syntax | null;
}

const known = new WeakMap<PythonTree, readonly Binding[]>();

function importsOf(tree: PythonTree): readonly Binding[] {
  const before = known.get(tree);
  if (before) return before;
  const found = [...everyNode(tree.root)].flatMap((node) =>
    (node.type === 'import_statement' || node.type === 'import_from_statement') && !isForTypes(tree, node)
      ? importedBy(tree, node).map((imported) => ({ imported, scope: enclosing(node, ['function_definition']) }))
      : [],
  );
  known.set(tree, found);
  return found;
}

/** `if TYPE_CHECKING:` binds nothing when the program runs. */
function isForTypes(tree: PythonTree, node: Syntax): boolean {
  const around = enclosing(node, ['if_statement']);
  const condition = around && fieldOf(around, 'condition');
  return condition ? textOf(tree, condition).endsWith('TYPE_CHECKING') : false;
}
