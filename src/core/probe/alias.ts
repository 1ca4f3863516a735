import type { AxesOfGraph } from '../onnx/axes/infer';
import { batchPlace, positionPlace } from '../onnx/axes/types';
import type { TensorAxes } from '../onnx/axes/types';
import type { Graph } from '../onnx/graph';

/** Operators that hand on the very same elements, in another order or shape. */
const layoutOps = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Identity']);

/**
 * Values that need no probe of their own, because they hold the same elements as another value and tell the same
 * samples and positions apart. Returns the value to look at instead, or the value itself.
 *
 * @param known what was found for values before this one, so that a long chain is walked once.
 */
export function probedAs(
  graph: Graph,
  axes: AxesOfGraph,
  value: string,
  known: ReadonlyMap<string, string> = new Map(),
): string {
  let current = value;
  for (let node = graph.producer.get(current); node && layoutOps.has(node.op); node = graph.producer.get(current)) {
    const source = node.inputs[0] ?? '';
    const from = axes.of(source);
    const to = axes.of(current);
    if (graph.isConstant(source) || !graph.producer.has(source) || !from || !to || !sameCells(from, to)) break;
    const told = known.get(source);
    if (told !== undefined) return told;
    current = source;
  }
  return current;
}

/** Both are folded to the same grid: same sequence and side, no rows picked out. */
function sameCells(a: TensorAxes, b: TensorAxes): boolean {
  const [first, second] = [positionPlace(a), positionPlace(b)];
  if ((batchPlace(a) === null) !== (batchPlace(b) === null)) return false;
  if (!first || !second) return first === null && second === null;
  return (
    first.factor.key === second.factor.key &&
    first.factor.sequence === second.factor.sequence &&
    first.factor.kind === second.factor.kind &&
    first.factor.size === second.factor.size
  );
}
