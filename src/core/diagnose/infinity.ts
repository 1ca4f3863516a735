/** Where the infinity that an undefined operation read came from: the first tensor on its way that holds one. */
import type { Graph, GraphNode } from '../onnx/graph';
import type { EvidenceValue, Origin } from '../report';
import { recordIn } from '../trace/evidence';
import { jsonNumber } from '../trace/jsonNumber';
import { show } from './births/types';

const bornOfInfinity: ReadonlySet<string> = new Set(['zero-times-inf', 'inf-over-inf', 'inf-minus-inf']);

/** One operand that is infinite somewhere. */
export interface InfiniteOperand {
  readonly [key: string]: EvidenceValue;
  readonly operand: string;
  /** The first tensor on the way to the operand that holds an infinity. */
  readonly tensor: string;
  /** `computed` by `node` from finite numbers, `stored` in the file, or `fed`. */
  readonly how: 'computed' | 'stored' | 'fed';
  readonly node: string | null;
  readonly op: string | null;
  /** What that node read, and the largest magnitude in each. */
  readonly read: readonly { readonly tensor: string; readonly largest: EvidenceValue }[];
}

/** The least and the largest number of a tensor. */
export interface Extremes {
  readonly least: number;
  readonly largest: number;
}

/** A birth of infinity in the main graph, and which sign made the NaN; 0 for either. */
export interface InfiniteBirth {
  readonly node: GraphNode;
  readonly sign: 0 | 1;
}

/** null for births of another kind, and inside of bodies. */
export function infiniteBirth(graph: Graph, { mechanism, tensor, op }: Origin): InfiniteBirth | null {
  const node = graph.producer.get(tensor);
  if (node === undefined || node.op !== op) return null;
  // A softmax is made for −∞.
  if (mechanism === 'score-overflow') return { node, sign: 1 };
  return bornOfInfinity.has(mechanism) ? { node, sign: 0 } : null;
}

/** Nodes whose infinite elements are those that they read, with their sign, or a sum of finite ones that is too large. */
const keepsSign: ReadonlySet<string> = new Set(
  'Add Cast Concat Exp Expand Flatten Gather GatherElements GatherND Identity Max Mean Min Pad ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Slice Split Sqrt Squeeze Sum Tile Transpose Unsqueeze Where'.split(
    ' ',
  ),
);

type Sign = -1 | 0 | 1;

/** @param extremes of what was looked at; a tensor that is missing says nothing. */
export function infiniteOperands(
  graph: Graph,
  { node: born, sign }: InfiniteBirth,
  extremes: ReadonlyMap<string, Extremes>,
): InfiniteOperand[] {
  const signOf = (value: string, wanted: Sign): Sign | null => {
    const { least, largest } = extremes.get(value) ?? { least: 0, largest: 0 };
    if (largest === Infinity && wanted >= 0) return 1;
    return least === -Infinity && wanted <= 0 ? -1 : null;
  };
  return [...new Set(born.inputs)].flatMap((operand): InfiniteOperand[] => {
    const first = signOf(operand, sign);
    if (first === null) return [];
    let at: { readonly tensor: string; readonly sign: Sign } = { tensor: operand, sign: first };
    const above = (tensor: string): GraphNode | undefined => {
      const node = graph.producer.get(tensor);
      return node?.op === 'Constant' ? undefined : node;
    };
    let node = above(operand);
    while (node) {
      const wanted = keepsSign.has(node.op) ? at.sign : 0;
      const before = node.inputs.flatMap((tensor) => {
        const found = signOf(tensor, wanted);
        return found === null ? [] : [{ tensor, sign: found }];
      })[0];
      if (!before) break;
      at = before;
      node = above(at.tensor);
    }
    const { tensor } = at;
    if (!node) {
      const how = graph.inputs.includes(tensor) ? 'fed' : 'stored';
      return [{ operand, tensor, how, node: null, op: null, read: [] }];
    }
    const read = [...new Set(node.inputs)].flatMap((input) => {
      const own = extremes.get(input);
      return own ? [{ tensor: input, largest: jsonNumber(Math.max(Math.abs(own.least), Math.abs(own.largest))) }] : [];
    });
    // Where nothing that it read could be looked at, the infinity may have been read.
    return read.length === 0 ? [] : [{ operand, tensor, how: 'computed', node: node.name, op: node.op, read }];
  });
}

/** `b became infinite in M (Mul), which read x up to 4 and big up to 1e+38.`; empty where the origin says it already. */
export function infinityText(found: readonly InfiniteOperand[], { evidence }: Origin): string {
  const { node: told } = recordIn(evidence.from);
  return found
    .flatMap(({ operand, tensor, how, node, op, read }) => {
      if (how === 'computed' && node === told) return [];
      if (how === 'stored' && tensor === evidence.infiniteOperand) return [];
      const because = tensor === operand ? '' : `${operand} is infinite because ${tensor} is. `;
      if (how === 'stored')
        return `${because}${tensor} holds the infinity in the file, so the file is damaged, or training had already diverged.`;
      if (how === 'fed') return `${because}${tensor} is fed with the infinity.`;
      const sizes = read.map(
        (one) => `${one.tensor} up to ${typeof one.largest === 'number' ? show(one.largest) : '?'}`,
      );
      return `${because}${tensor} became infinite in ${node ?? '?'} (${op ?? '?'}), which read ${sizes.join(' and ')}.`;
    })
    .join(' ');
}

/** Of an origin's evidence; empty where nothing was measured. */
export const infiniteOf = ({ evidence }: Pick<Origin, 'evidence'>): readonly InfiniteOperand[] =>
  Array.isArray(evidence.infinite) ? (evidence.infinite as readonly InfiniteOperand[]) : [];
