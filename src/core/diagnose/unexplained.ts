/**
 * The last check of a diagnosis: NaN of an output that no origin leads to. By the definition of an origin there is
 * none, unless something on the way was not measured; then the node behind that gap is named rather than nobody.
 */
import type { Graph } from '../onnx/graph';
import type { Flags } from '../trace/health';
import { floatsOf } from '../probe/floats';
import { isFloat } from '../probe/instrument';
import { NAN } from '../trace/health';
import type { FlagsOf, NewNaN } from './newNaN';

/**
 * @param reached what the NaN of every origin reaches, by value.
 * @returns a node for every output that holds unexplained NaN: the first on the way back that reads none of it.
 */
export function unexplained(
  graph: Graph,
  flagsOf: FlagsOf,
  reached: readonly ReadonlyMap<string, Flags>[],
): readonly NewNaN[] {
  const left = (value: string): Flags | null => {
    const flags = value === '' ? null : flagsOf(value);
    if (!flags) return null;
    const explained = reached.flatMap((values) => values.get(value) ?? []);
    const bits = flags.bits.map((bit, i) =>
      (bit & NAN) !== 0 && !explained.some((other) => ((other.bits[i] ?? 0) & NAN) !== 0) ? NAN : 0,
    );
    return bits.some(Boolean) ? { ...flags, bits } : null;
  };
  const found = new Map<string, NewNaN>();
  for (const output of graph.outputs) {
    let value = output;
    let cells = left(value);
    for (let node = graph.producer.get(value); node && cells; node = graph.producer.get(value)) {
      const before = [...node.inputs, ...node.captured].find((input) => left(input) !== null);
      if (before === undefined) {
        found.set(value, { node, value, cells });
        break;
      }
      value = before;
      cells = left(value);
    }
  }
  return [...found.values()];
}

/** Outputs that are constants with NaN in them: no node computes or reads those, so that no measurement meets them. */
export function nanConstants(graph: Graph): readonly string[] {
  return graph.outputs.filter((output) => {
    const constant = graph.isConstant(output) ? graph.constant(output) : null;
    return constant !== null && isFloat(constant.dtype) && Array.from(floatsOf(constant)).some(Number.isNaN);
  });
}
