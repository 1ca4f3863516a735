/**
 * Where in a file a node of a model was written: by the path of its module, followed from attribute to attribute
 * through the file's classes, and by what the node computes. Exporters write neither line nor file, most of the time.
 */
import { everyNode, fieldOf, textOf, type Syntax } from '../syntax';
import { attributeOfSelf, bodiesOf, type ClassOf, type ClassesOf } from './classes';
import { writes } from './operators';

export interface Sought {
  /** `model.layers.0.self_attn` */
  readonly module: string;
  /** Operator of ONNX, or an operation of a trace. */
  readonly op: string | null;
}

export interface LocatedNode {
  readonly node: Syntax;
  /** Names of the path that the file's classes confirm. */
  readonly confirmed: number;
  /** The node computes what is sought; else it is the module's own definition, or a call of it. */
  readonly exact: boolean;
  /** Of a call of a module that is written in another file: names of what it was built as. */
  readonly builtAs: readonly string[];
}

/** Names of modules; numbers of layers are no attributes. */
export const namesOfPath = (module: string): readonly string[] =>
  module.split('.').filter((name) => name !== '' && !/^\d+$/.test(name));

/** Best ones first; none where no class of the file has such a module. */
export function locate(file: ClassesOf, { module, op }: Sought): readonly LocatedNode[] {
  const { owners, confirmed, rest } = followed(file, namesOfPath(module));
  if (rest === null) return confirmed === 0 ? [] : inClasses(file, owners, op, confirmed);
  // A layer of a library, or of another file: where it is called.
  const calls = nodesOf(file, owners).filter((node) => {
    const callee = node.type === 'call' ? fieldOf(node, 'function') : null;
    return callee !== null && attributeOfSelf(file.tree, callee) === rest;
  });
  const builtAs = [...new Set(owners.flatMap(({ attributes }) => [...(attributes.get(rest) ?? [])]))];
  const exact = builtAs.some((name) => layersOfLibraries.test(name));
  return unique(calls).map((node) => ({ node, confirmed: confirmed + 1, exact, builtAs: exact ? [] : builtAs }));
}

/** Layers that compute what they are named after, in one call. */
const layersOfLibraries =
  /^(?:(?:Lazy)?Linear|Conv[123]d|Embedding|(?:Layer|RMS|Group|Batch|Instance)Norm\w*|Softmax|LogSoftmax|MultiheadAttention|Dropout|GELU|SiLU|ReLU|Identity)$/;

/** In a class that another file builds. */
export function locateInClass(file: ClassesOf, name: string, op: string | null): readonly LocatedNode[] {
  const owner = file.classes.get(name);
  return owner ? inClasses(file, [owner], op, 0) : [];
}

function inClasses(
  file: ClassesOf,
  owners: readonly ClassOf[],
  op: string | null,
  confirmed: number,
): readonly LocatedNode[] {
  const isWritten = op === null ? null : writes(op);
  const written = isWritten ? unique(nodesOf(file, owners).filter((node) => isWritten(file.tree, node))) : [];
  const found = written.length > 0 ? written : owners.map(({ node }) => fieldOf(node, 'name') ?? node);
  return found.map((node) => ({ node, confirmed, exact: written.length > 0, builtAs: [] }));
}

const nodesOf = (file: ClassesOf, owners: readonly ClassOf[]): readonly Syntax[] =>
  [...new Set(owners.flatMap((owner) => bodiesOf(file, owner)))].flatMap((body) => [...everyNode(body)]);

const unique = (nodes: readonly Syntax[]): readonly Syntax[] => [...new Set(nodes)].sort((a, b) => a.from - b.from);

interface Followed {
  readonly owners: readonly ClassOf[];
  readonly confirmed: number;
  /** The last name, where it is a layer that no class of this file is. */
  readonly rest: string | null;
}

/** The path may begin in another file: names before the first one that is known here are passed over. */
function followed({ classes }: ClassesOf, names: readonly string[]): Followed {
  let owners: readonly ClassOf[] = [...classes.values()];
  let confirmed = 0;
  for (const [at, name] of names.entries()) {
    const having = owners.filter(({ attributes }) => attributes.has(name));
    const next = [...new Set(having.flatMap(({ attributes }) => [...(attributes.get(name) ?? [])]))]
      .map((one) => classes.get(one))
      .filter((one) => one !== undefined);
    if (next.length > 0) {
      owners = next;
      confirmed++;
      continue;
    }
    if (having.length > 0 && at === names.length - 1) return { owners: having, confirmed, rest: name };
    // Behind what was confirmed every name has to be.
    if (confirmed > 0) return { owners: [], confirmed: 0, rest: null };
  }
  return confirmed === 0 ? { owners: [], confirmed, rest: null } : { owners, confirmed, rest: null };
}

/** Attributes that a class is built as: where its figures are in a report. */
export const attributesBuilt = ({ classes }: ClassesOf, name: string): readonly string[] => [
  ...new Set(
    [...classes.values()].flatMap(({ attributes }) =>
      [...attributes].flatMap(([attribute, built]) => (built.has(name) ? [attribute] : [])),
    ),
  ),
];

/** The class around a node; null outside of classes. */
export function classAround(file: ClassesOf, node: Syntax): ClassOf | null {
  for (let at: Syntax | null = node; at; at = at.parent) {
    const name = at.type === 'class_definition' ? fieldOf(at, 'name') : null;
    const known = name && file.classes.get(textOf(file.tree, name));
    if (known) return known;
  }
  return null;
}
