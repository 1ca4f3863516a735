/**
 * A long look in stages: each runs only the nodes that no stage before it ran, on the few values those left behind.
 * What is looked at late in a deep model then costs one run of the model in all, and not one from its start for every
 * stage.
 */
import type { Graph } from '../onnx/graph';
import { bytesPerElement, dtypes, elementCount } from '../tensor';
import type { DType } from '../tensor';
import { leadingTo } from './instrument';
import type { ValueFacts } from './instrument';

export interface Stage {
  /** Kept values that its part reads, or that are wanted themselves. */
  readonly given: readonly string[];
  /** What it leaves for later stages. */
  readonly keeps: readonly string[];
  /** Kept values that no later stage reads. */
  readonly drops: readonly string[];
}

/** Types that a tensor may leave the engine with, and enter it again. */
const handed: ReadonlySet<string> = new Set(dtypes.filter((dtype) => dtype !== 'bfloat16'));
export const isHanded = (dtype: string): dtype is DType => handed.has(dtype);

/**
 * @param wanted what each stage is about, in the order of the graph: a stage should not lead through later ones.
 * @param mostBytes that may be kept between two stages; where it is more the later one begins at the start.
 */
export function stagesOf(
  graph: Graph,
  facts: ReadonlyMap<string, ValueFacts>,
  wanted: readonly (readonly string[])[],
  mostBytes: number,
): Stage[] {
  const bytesOf = (value: string): number | null => {
    const fact = facts.get(value);
    // A constant is in the graph of every stage.
    if (!fact || !isHanded(fact.dtype) || graph.producer.get(value)?.op === 'Constant') return null;
    return bytesPerElement(fact.dtype) * elementCount(fact.shape);
  };
  let kept: ReadonlySet<string> = new Set();
  return wanted.map((values, i): Stage => {
    const own = leadingTo(graph, values, (value) => kept.has(value));
    const atHand = (value: string): boolean =>
      bytesOf(value) !== null && (kept.has(value) || own.nodes.has(graph.producer.get(value)?.index ?? -1));
    const later = leadingTo(graph, wanted.slice(i + 1).flat(), atHand);
    const left = [...later.reads].filter(atHand);
    const bytes = left.reduce((sum, value) => sum + (bytesOf(value) ?? 0), 0);
    const next = new Set(bytes > mostBytes ? [] : left);
    const stage = {
      given: [...kept].filter((value) => own.reads.has(value)),
      keeps: [...next].filter((value) => !kept.has(value)),
      drops: [...kept].filter((value) => !next.has(value)),
    };
    kept = next;
    return stage;
  });
}
