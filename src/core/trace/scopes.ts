/**
 * What PyTorch's newer exporter (`torch.onnx.export(..., dynamo=True)`) writes into a node's metadata. Its node names
 * say nothing (`node_softmax_3`); the modules stand in `pkg.torch.onnx.name_scopes`, a Python list such as
 * `['', 'model', 'model.layers.0', 'model.layers.0.self_attn', 'softmax_3']`: whole paths, outermost first, and last
 * the operation itself. `namespace` has the same as `: Net/model: pkg.Model/model.layers.0: pkg.Layer/add: aten.add`.
 */
import type { GraphNode } from '../onnx/graph';
import type { SourceLine } from '../report';

const keys = {
  scopes: 'pkg.torch.onnx.name_scopes',
  namespace: 'namespace',
  stackTrace: 'pkg.torch.onnx.stack_trace',
} as const;

/** Metadata can be of any size in a hostile file; real stacks have a few kilobytes. */
const longest = 64 * 1024;

/** Path of the innermost module that a node was computed in, `model.layers.0.self_attn`; `''` where none is known. */
export function moduleOfNode(node: GraphNode): string {
  const scopes = metadata(node, keys.scopes);
  const list = scopes === null ? null : pythonStrings(scopes);
  const paths = list ?? namespacePaths(metadata(node, keys.namespace) ?? '');
  // The last entry is the operation.
  return plainPath(paths.at(-2) ?? '');
}

/**
 * The line of source that a node was traced from: the innermost one that is not PyTorch's own. Null where the metadata
 * do not tell.
 */
export function sourceOfNode(node: GraphNode): SourceLine | null {
  const stack = metadata(node, keys.stackTrace);
  if (stack === null) return null;
  const frames = [...stack.matchAll(/^\s*File "([^"\n]+)", line (\d{1,9})\b/gm)];
  const own = frames.filter(([, file = '']) => !/[\\/](?:site|dist)-packages[\\/]torch[\\/]/.test(file)).at(-1);
  const [, file, line] = own ?? [];
  return file === undefined ? null : { file, line: Number(line) };
}

function metadata(node: GraphNode, key: string): string | null {
  const value = node.proto.metadataProps.find((entry) => entry.key === key)?.value;
  return value === undefined || value === '' || value.length > longest ? null : value;
}

/** A Python list of strings as `repr` writes it; null for anything else. */
function pythonStrings(text: string): string[] | null {
  const literal = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/y;
  const strings: string[] = [];
  let at = text.startsWith('[') ? 1 : -1;
  while (at > 0 && text[at] !== ']') {
    literal.lastIndex = at;
    const [found] = literal.exec(text) ?? [];
    if (found === undefined) return null;
    strings.push(found.slice(1, -1).replace(/\\(['"\\])/g, '$1'));
    at = literal.lastIndex;
    if (text.startsWith(', ', at)) at += 2;
    else if (text[at] !== ']') return null;
  }
  return at === text.length - 1 ? strings : null;
}

const namespacePaths = (namespace: string): string[] =>
  namespace === '' ? [] : namespace.split('/').map((part) => part.split(': ')[0] ?? '');

/** Without what tracing adds: `L['self'].layers.0` of older exports, `layers.0@1` of a module that is called again. */
const plainPath = (path: string): string =>
  path
    .replace(/^L\['self'\]\.?/, '')
    .replace(/\._modules\['([^'\]]*)'\]/g, '.$1')
    .replace(/@\d+(?=\.|$)/g, '');
