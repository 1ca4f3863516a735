/**
 * Guarded: an explicit test for NaN removes it before it reaches any position that was clean where it was born, as
 * a safe softmax does. Such a birth is no origin. Not where NaN ends anywhere else too, or had spread before.
 */
import type { Graph, GraphNode } from '../../onnx/graph';
import type { Origin, SilentFinding } from '../../report';
import type { Flags } from '../../trace/health';
import { hasNaN, isNaNAt, NAN } from '../../trace/health';
import type { Contamination } from '../contamination';
import type { NewNaN } from '../newNaN';

/** The node that removes the NaN, or null when nothing does so explicitly. */
export function guardOf(graph: Graph, birth: NewNaN, contamination: Contamination): GraphNode | null {
  if (contamination.outputCells > 0 || contamination.ends.length === 0) return null;
  if (!contamination.ends.every((end) => isGuard(graph, end))) return null;
  for (const flags of contamination.reached.values()) if (!staysAt(birth.cells, flags)) return null;
  return contamination.ends[0] ?? null;
}

/** A `Where` whose condition is a test for NaN. */
export function isGuard(graph: Graph, node: GraphNode): boolean {
  return node.op === 'Where' && testsForNaN(graph, node.inputs[0] ?? '', 0);
}

function testsForNaN(graph: Graph, value: string, depth: number): boolean {
  const node = graph.producer.get(value);
  if (!node || depth > 6) return false;
  if (node.op === 'IsNaN') return true;
  // x != x, as frameworks without IsNaN spell it.
  if (node.op === 'Equal' && node.inputs[0] === node.inputs[1]) return true;
  if (!['Not', 'Cast', 'Or', 'And', 'Identity', 'Unsqueeze', 'Reshape', 'Expand'].includes(node.op)) return false;
  return node.inputs.some((input) => testsForNaN(graph, input, depth + 1));
}

function staysAt(birth: Flags, reached: Flags): boolean {
  if (!hasNaN(reached)) return true;
  // Where samples were mixed, or positions are those of another sequence, it has gone elsewhere.
  if (birth.samples > 1 && !reached.perSample) return false;
  if (birth.perPosition && reached.perPosition && birth.sequence !== reached.sequence) return false;
  for (let sample = 0; sample < reached.samples; sample += 1) {
    for (let position = 0; position < reached.positions; position += 1) {
      if (((reached.bits[sample * reached.positions + position] ?? 0) & NAN) === 0) continue;
      // A tensor without positions cannot show that it stayed where it was.
      if (birth.perPosition && !reached.perPosition) return false;
      if (!isNaNAt(birth, sample, position)) return false;
    }
  }
  return true;
}

/**
 * @param origin the birth, told as any other.
 * @param guard name of the node that removes it.
 */
export const explainGuarded = (
  origin: Pick<Origin, 'mechanism' | 'evidence' | 'explanation'>,
  guard: string,
): Pick<SilentFinding, 'mechanism' | 'evidence' | 'explanation'> => ({
  mechanism: 'guarded',
  evidence: { ...origin.evidence, bornAs: origin.mechanism, guard },
  explanation: `${origin.explanation} ${guard} (Where on a NaN test) removes it before it reaches any other position.`,
});
