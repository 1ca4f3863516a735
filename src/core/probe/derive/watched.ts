/** Which values have to be probed so that the others can be told from them. */
import type { NaNGraph } from './edges';

/**
 * One value in so many is probed although others would tell: what lies between two of them is what has to be looked
 * at closer where NaN is born.
 */
const everyNth = 32;

/**
 * Values whose NaN nothing else would show: those that only an operator reads that may swallow it, or nobody. If all
 * of these are without NaN, all values are: each of the others hands its NaN on to a later value, and so on to one of
 * these.
 */
export function watched(graph: NaNGraph): string[] {
  const shown = new Set<string>();
  for (const { edges, complete } of graph.steps) {
    for (const { from, kind } of edges) if (kind !== 'pick' && (kind !== 'part' || complete)) shown.add(from);
  }
  return graph.values.filter((value, i) => !shown.has(value) || i % everyNth === everyNth - 1);
}
