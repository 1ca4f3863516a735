/**
 * What a mask is put together of. Masks are mostly combined before they meet the scores: a causal and a padding
 * part, by `And`, `Or`, `Where`, `Add`, `Min`, `Mul`. Walked back to the parts, each with the test that says where
 * it masks: an additive part where it is very low, a condition where it is true, or where it is false.
 */
import type { Graph, GraphNode } from '../../onnx/graph';
import { keepsElementOrder } from '../../onnx/axes/rules';
import { decodeTensor } from '../../onnx/tensors';
import { floatsOf } from '../../probe/floats';
import type { ElementPath } from '../../probe/inspect/elementPath';
import { follow } from '../../probe/inspect/elementPath';
import { maskedBelow } from '../maskPlane';
import type { ShapeFacts } from './readThrough';
import { readThrough } from './readThrough';

export type MaskTest = 'low' | 'true' | 'false';

/**
 * `padding`: depends on an input of the batch, and is the same for every query. `causal`: made of positions only,
 * or constant, and differs from query to query. `other`: neither, or both undivided.
 */
export type PartKind = 'causal' | 'padding' | 'other';

export interface MaskPart {
  readonly value: string;
  readonly test: MaskTest;
  readonly kind: PartKind;
  /** From the coordinates of the scores to those of this value. */
  readonly path: ElementPath;
  /** What a condition puts in the scores' place, or adds; null for an additive part, whose element says it. */
  readonly fill: number | null;
}

/** Arithmetic on the way from the parts to the scores: where finite masks can leave the type's range. */
export interface MaskStepNode {
  readonly node: GraphNode;
  readonly path: ElementPath;
  readonly operands: readonly { readonly value: string; readonly path: ElementPath }[];
}

export interface MaskWalk {
  readonly graph: Graph;
  readonly facts: ShapeFacts;
  /** Shape of the scores, and which of their axes are the query's and the key's. */
  readonly dims: readonly number[];
  readonly queryAxis: number;
  readonly keyAxis: number;
  /** Inputs that only count positions (`position_ids`, `cache_position`). */
  readonly isPositions: (input: string) => boolean;
  /** Where arithmetic that was passed is noted. */
  readonly arithmetic: MaskStepNode[];
}

const deepest = 32;
const passing = new Set(['Cast', 'CastLike', 'Identity', 'Dropout', 'Expand', 'Slice', 'Transpose', 'Tile']);

export function maskParts(walk: MaskWalk, value: string, test: MaskTest, path: ElementPath): MaskPart[] {
  return partsOf(walk, value, test, path, null, 0);
}

function partsOf(
  walk: MaskWalk,
  value: string,
  test: MaskTest,
  path: ElementPath,
  fill: number | null,
  depth: number,
): MaskPart[] {
  const { graph } = walk;
  const node = graph.producer.get(value);
  const constant = uniform(graph, value);
  // A number that masks nowhere (the 0 of an additive mask) is no part.
  if (constant !== null && !masks(constant, test)) return [];
  const leaf = (): MaskPart[] => [{ value, test, kind: kindOf(walk, value, path), path, fill }];
  if (!node || constant !== null || depth > deepest) return leaf();
  const into = (slot: number, how: MaskTest, filled = fill): MaskPart[] | null => {
    const step = readThrough(graph, walk.facts, node, slot);
    const input = node.inputs[slot] ?? '';
    return step === null ? null : partsOf(walk, input, how, [...path, step], filled, depth + 1);
  };
  const all = (...parts: (MaskPart[] | null)[]): MaskPart[] =>
    parts.some((part) => part === null) ? leaf() : parts.flatMap((part) => part ?? []);
  const number = (slot: number): number | null => uniform(graph, node.inputs[slot] ?? '');
  if (passing.has(node.op) || keepsElementOrder(node)) {
    const parts = into(0, test);
    if (parts && test === 'low' && node.op === 'Cast') note(walk, node, path);
    return parts ?? leaf();
  }
  switch (test) {
    case 'low':
      switch (node.op) {
        case 'Add':
        case 'Sum':
        case 'Min': {
          const parts = all(...node.inputs.map((_, slot) => into(slot, 'low')));
          if (node.op !== 'Min') note(walk, node, path);
          return parts;
        }
        case 'Where': {
          const [yes, no] = [number(1), number(2)];
          const low = (entry: number | null): boolean => entry !== null && masks(entry, 'low');
          if (low(yes)) return all(into(0, 'true', yes), no === null || low(no) ? into(2, 'low') : []);
          if (low(no)) return all(into(0, 'false', no), yes === null ? into(1, 'low') : []);
          if (yes !== null && no === null) return both(into(0, 'false'), into(2, 'low'), leaf);
          if (no !== null && yes === null) return both(into(0, 'true'), into(1, 'low'), leaf);
          return leaf();
        }
        case 'Mul': {
          const scale = number(1) ?? number(0);
          const other = number(1) === null ? 1 : 0;
          if (scale === null) return leaf();
          const parts = masks(scale, 'low')
            ? into(other, 'true', scale)
            : masks(-scale, 'low')
              ? minusOne(walk, node, other, scale, path, depth)
              : scale > 0 && scale <= 1
                ? into(other, 'low')
                : null;
          if (parts) note(walk, node, path);
          return parts ?? leaf();
        }
        case 'Log':
          return into(0, 'false', -Infinity) ?? leaf();
        default:
          return leaf();
      }
    case 'true':
    case 'false': {
      const flip = test === 'true' ? 'false' : 'true';
      switch (node.op) {
        case 'Not':
          return into(0, flip) ?? leaf();
        case 'Sub':
          return number(0) === 1 ? (into(1, flip) ?? leaf()) : leaf();
        case 'Or':
        case 'Max':
          return test === 'true' ? all(into(0, test), into(1, test)) : both(into(0, test), into(1, test), leaf);
        case 'And':
        case 'Mul':
        case 'Min':
          return test === 'false' ? all(into(0, test), into(1, test)) : both(into(0, test), into(1, test), leaf);
        case 'Equal': {
          // Zero and nothing else: what is compared is itself a flag.
          if (number(1) === 0 || number(0) === 0) return into(number(1) === 0 ? 0 : 1, flip) ?? leaf();
          return leaf();
        }
        case 'Add': {
          // Two additive masks that are compared with zero: open where neither masks.
          if (test === 'true') return all(into(0, 'true'), into(1, 'true'));
          return both(into(0, 'false'), into(1, 'false'), leaf);
        }
        case 'Greater':
          return number(1) === 0 ? (into(0, test) ?? leaf()) : leaf();
        case 'Where': {
          const [yes, no] = [number(1), number(2)];
          if (yes === null || no === null) return leaf();
          if (masks(yes, test) && !masks(no, test)) return into(0, 'true') ?? leaf();
          if (masks(no, test) && !masks(yes, test)) return into(0, 'false') ?? leaf();
          return leaf();
        }
        default:
          return leaf();
      }
    }
  }
}

/**
 * Masked only where both sides say so. If one side is made of positions only, the other is what removes the key
 * (`masked_fill` of a causal mask where padding is *and* the causal mask is open): that side is the part.
 */
function both(a: MaskPart[] | null, b: MaskPart[] | null, leaf: () => MaskPart[]): MaskPart[] {
  if (!a || !b) return leaf();
  const causal = (parts: readonly MaskPart[]): boolean => parts.every((part) => part.kind === 'causal');
  if (causal(a) && !causal(b)) return b;
  if (causal(b) && !causal(a)) return a;
  return leaf();
}

/** `(flag − 1) × 1e9`: masked where the flag is 0. */
function minusOne(
  walk: MaskWalk,
  node: GraphNode,
  slot: number,
  scale: number,
  path: ElementPath,
  depth: number,
): MaskPart[] | null {
  const { graph, facts } = walk;
  const value = node.inputs[slot] ?? '';
  const difference = graph.producer.get(value);
  if (difference?.op !== 'Sub' || uniform(graph, difference.inputs[1] ?? '') !== 1) return null;
  const [outer, inner] = [readThrough(graph, facts, node, slot), readThrough(graph, facts, difference, 0)];
  if (!outer || !inner) return null;
  return partsOf(walk, difference.inputs[0] ?? '', 'false', [...path, outer, inner], -scale, depth + 1);
}

export function masks(value: number, test: MaskTest): boolean {
  if (test === 'low') return value < maskedBelow;
  return (value !== 0) === (test === 'true');
}

function note(walk: MaskWalk, node: GraphNode, path: ElementPath): void {
  const operands = node.inputs.flatMap((value, slot) => {
    const step = readThrough(walk.graph, walk.facts, node, slot);
    return step ? [{ value, path: [...path, step] }] : [];
  });
  if (operands.length === node.inputs.length) walk.arithmetic.push({ node, path, operands });
}

/** The one number that a constant holds throughout, seen through copies; null otherwise. */
export function uniform(graph: Graph, value: string, depth = 0): number | null {
  if (depth > 8) return null;
  const constant = graph.constant(value);
  if (constant) {
    const values = floatsOf(constant);
    const first = values[0];
    if (first === undefined || values.length > 65536) return null;
    for (let i = 1; i < values.length; i += 1) if (values[i] !== first) return null;
    return first;
  }
  const node = graph.producer.get(value);
  if (!node) return null;
  if (node.op === 'ConstantOfShape') {
    const given = node.proto.attribute.find((entry) => entry.name === 'value')?.t;
    if (!given) return 0;
    const filled = decodeTensor(given);
    return filled ? (floatsOf(filled)[0] ?? null) : null;
  }
  // A cast to a narrower type may change the number: what it gives is measured, not worked out.
  if (['Identity', 'Expand', 'Unsqueeze', 'Squeeze', 'Reshape'].includes(node.op))
    return uniform(graph, node.inputs[0] ?? '', depth + 1);
  return null;
}

function kindOf(walk: MaskWalk, value: string, path: ElementPath): PartKind {
  const inputs = [...elementInputs(walk.graph, value)];
  const made = inputs.every((input) => walk.isPositions(input));
  const byQuery = varies(walk, path, walk.queryAxis);
  if (made) return byQuery || walk.dims[walk.queryAxis] === 1 ? 'causal' : 'other';
  return !byQuery && varies(walk, path, walk.keyAxis) ? 'padding' : 'other';
}

/** Whether another coordinate on this axis of the scores leads to another element. */
function varies({ dims }: MaskWalk, path: ElementPath, axis: number): boolean {
  const size = dims[axis] ?? 1;
  const at = dims.map(() => 0);
  const first = follow(path, at);
  const last = follow(
    path,
    at.map((_, i) => (i === axis ? size - 1 : 0)),
  );
  if (!first || !last) return true;
  return first.some((coordinate, i) => coordinate !== last[i]);
}

/** Graph inputs whose *elements* a value depends on; a shape that was taken of one does not count. */
export function elementInputs(graph: Graph, value: string): Set<string> {
  const inputs = new Set(graph.inputs);
  const found = new Set<string>();
  const seen = new Set<string>([value]);
  const queue = [value];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (inputs.has(next)) found.add(next);
    const node = graph.producer.get(next);
    if (!node || node.op === 'Shape' || node.op === 'Size') continue;
    for (const input of [...node.inputs, ...node.captured]) {
      if (input === '' || seen.has(input)) continue;
      seen.add(input);
      queue.push(input);
    }
  }
  return found;
}
