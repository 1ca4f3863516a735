/**
 * Which sample and position every *element* is, carried along element by element: whoever builds a graph says it of
 * the inputs (and wherever an operator alone cannot tell), operators that move elements move what is known of them.
 * No axes are inferred here; a label stands at each element or is missing.
 */
import type { NodeProto } from 'onnx-buf';
import type { ReadsOf, Tensor } from './reads';
import { broadcasted, coordinates, count, isElementwise, movers } from './reads';

/** By element, −1 for an element without; null where the tensor has no such axis. */
export interface Labels {
  readonly s: Int32Array | null;
  readonly q: Int32Array | null;
  readonly k: Int32Array | null;
  /** Which sequence `q` and `k` count. */
  readonly sequence: readonly [q: number, k: number];
}

export const noLabels: Labels = { s: null, q: null, k: null, sequence: [0, 0] };

/** What the builder of a graph says about a value, by coordinates. */
export interface Hint {
  readonly at: (at: readonly number[]) => { s?: number; q?: number; k?: number };
  readonly sequence?: readonly [number, number];
}

export function labelled(dims: readonly number[], hint: Hint): Labels {
  const size = count(dims);
  const found = Array.from({ length: size }, (_, i) => hint.at(coordinates(i, dims)));
  const collect = (name: 's' | 'q' | 'k'): Int32Array | null =>
    found.some((entry) => entry[name] !== undefined) ? Int32Array.from(found, (entry) => entry[name] ?? -1) : null;
  return { s: collect('s'), q: collect('q'), k: collect('k'), sequence: hint.sequence ?? [0, 0] };
}

type Name = 's' | 'q' | 'k';

/** @param inputs labels by slot, null for an omitted input. */
export function labelsOf(
  node: NodeProto,
  inputs: readonly (Labels | null)[],
  tensors: readonly (Tensor | null)[],
  output: Tensor,
  reads: ReadsOf,
): Labels {
  const size = count(output.dims);
  const op = node.opType;
  if (isElementwise(op)) return elementwise(inputs, tensors, output);
  if (movers.has(op)) return moved(op, inputs, size, reads);
  if (/^(Softmax|LogSoftmax|LayerNormalization|RMSNormalization|CumSum|Trilu)$/.test(op)) {
    const first = inputs[0] ?? noLabels;
    return count(tensors[0]?.dims ?? []) === size ? first : constant(inputs, [0], size, reads);
  }
  if (/^(Reduce|TopK|Arg)/.test(op)) return constant(inputs, [0], size, reads);
  if (/^(MatMul|Gemm|Einsum)$/.test(op)) return product(inputs, size, reads);
  return noLabels;
}

/** Operands meet by broadcasting, whichever of them an element was then chosen from. */
function elementwise(
  inputs: readonly (Labels | null)[],
  tensors: readonly (Tensor | null)[],
  { dims }: Tensor,
): Labels {
  const slotOf = (choose: (labels: Labels) => boolean): number =>
    inputs.findIndex((labels) => labels !== null && choose(labels));
  const pull = (name: Name, slot: number): Int32Array | null => {
    const own = inputs[slot]?.[name];
    const from = tensors[slot]?.dims;
    if (!own || !from) return null;
    return Int32Array.from({ length: count(dims) }, (_, i) => own[broadcasted(coordinates(i, dims), from)]!);
  };
  // Scores tell queries from keys, a mask of keys does not.
  const scores = inputs.some((labels) => labels?.k && labels.q);
  const q = slotOf((labels) => labels.q !== null && (!scores || labels.k !== null));
  const k = slotOf((labels) => labels.k !== null && (!scores || labels.q !== null));
  return {
    s: pull(
      's',
      slotOf((labels) => labels.s !== null),
    ),
    q: pull('q', q),
    k: pull('k', k),
    sequence: inputs[q]?.sequence ?? inputs[k]?.sequence ?? [0, 0],
  };
}

/** The label of the element itself; rows looked up in a table are where their numbers are. */
function moved(op: string, inputs: readonly (Labels | null)[], size: number, reads: ReadsOf): Labels {
  const dataSlots = op.startsWith('Scatter') ? [0, 2] : op === 'Concat' ? inputs.map((_, i) => i) : [0];
  let sequence: readonly [number, number] = [0, 0];
  const of = (name: Name): Int32Array | null => {
    const slots = dataSlots.some((slot) => inputs[slot]?.[name]) ? dataSlots : op.startsWith('Gather') ? [1] : [];
    const out = new Int32Array(size).fill(-1);
    for (const slot of slots) {
      const own = inputs[slot];
      if (own?.q ?? own?.k) sequence = own.sequence;
    }
    if (!slots.some((slot) => inputs[slot]?.[name])) return null;
    for (let i = 0; i < size; i += 1) {
      reads(i, (slot, from) => {
        if (slots.includes(slot)) out[i] = inputs[slot]?.[name]?.[from] ?? -1;
      });
    }
    return out;
  };
  return { s: of('s'), q: of('q'), k: of('k'), sequence };
}

/** What all elements that are read in one slot have in common, for every output element; else null. */
function common(labels: Int32Array | null, slot: number, size: number, reads: ReadsOf): Int32Array | null {
  if (!labels) return null;
  const out = new Int32Array(size).fill(-2);
  const seen = { differs: false };
  for (let i = 0; i < size; i += 1) {
    reads(i, (own, from) => {
      if (own !== slot) return;
      if (out[i] === -2) out[i] = labels[from]!;
      else if (out[i] !== labels[from]) seen.differs = true;
    });
  }
  return seen.differs ? null : out.map((label) => Math.max(label, -1));
}

function constant(
  inputs: readonly (Labels | null)[],
  [slot = 0]: readonly number[],
  size: number,
  reads: ReadsOf,
): Labels {
  const own = inputs[slot] ?? noLabels;
  const of = (name: Name): Int32Array | null => common(own[name], slot, size, reads);
  return { s: of('s'), q: of('q'), k: of('k'), sequence: own.sequence };
}

/** Rows of the first operand are the queries, columns of the second the keys, unless the builder says otherwise. */
function product(inputs: readonly (Labels | null)[], size: number, reads: ReadsOf): Labels {
  const [a, b] = [constant(inputs, [0], size, reads), constant(inputs, [1], size, reads)];
  const s = a.s ?? b.s;
  if (a.q && b.q) return { s, q: a.q, k: b.q, sequence: [a.sequence[0], b.sequence[0]] };
  const one = a.q || a.k ? a : b;
  return { s, q: one.q, k: one.k, sequence: one.sequence };
}
