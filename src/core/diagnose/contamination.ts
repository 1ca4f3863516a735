/** How far the NaN of one birth is carried: forward through every node, along positions that are really NaN. */
import type { AxesOfGraph } from '../onnx/axes/infer';
import type { Graph, GraphNode } from '../onnx/graph';
import type { Flags } from '../trace/health';
import { hasNaN, NAN } from '../trace/health';
import type { FlagsOf, NewNaN } from './newNaN';
import { howRead, sickInputs } from './newNaN';

/** They look whether something is NaN, or only at its shape: nothing ends there. */
const tests = new Set(['IsNaN', 'IsInf', 'Shape', 'Size']);

export interface Contamination {
  /** NaN of this birth per value that it reaches. */
  readonly reached: ReadonlyMap<string, Flags>;
  /** Nodes that read it and hand none of it on. */
  readonly ends: readonly GraphNode[];
  /** NaN cells of graph outputs that it reaches. */
  readonly outputCells: number;
}

/**
 * @param start what is NaN at the birth; `node` null for a graph input.
 * @param isInteger values that cannot hold NaN: what a node makes of it there is the end of it.
 */
export function contaminate(
  graph: Graph,
  axes: AxesOfGraph,
  flagsOf: FlagsOf,
  start: { readonly value: string; readonly cells: Flags; readonly node: NewNaN['node'] | null },
  isInteger: (value: string) => boolean,
): Contamination {
  const reached = new Map<string, Flags>([[start.value, start.cells]]);
  const of: FlagsOf = (value) => reached.get(value) ?? null;
  const ends: GraphNode[] = [];
  for (const node of graph.nodes) {
    if (start.node && node.index <= start.node.index) continue;
    if (![...node.inputs, ...node.captured].some((input) => reached.has(input))) continue;
    let handedOn = false;
    let measured = false;
    for (const [o, value] of node.outputs.entries()) {
      const flags = value === '' ? null : flagsOf(value);
      if (!flags) {
        measured ||= isInteger(value) && !tests.has(node.op) && sickInputs(node, o, axes, of, null).length > 0;
        continue;
      }
      measured = true;
      if (!hasNaN(flags)) continue;
      const inputs = sickInputs(node, o, axes, of, flags);
      const bits = new Uint8Array(flags.bits.length);
      for (let sample = 0; sample < flags.samples; sample += 1) {
        for (let position = 0; position < flags.positions; position += 1) {
          const at = sample * flags.positions + position;
          if (((flags.bits[at] ?? 0) & NAN) === 0) continue;
          if (howRead(inputs, flags, sample, position) !== 'clean') bits[at] = NAN;
        }
      }
      if (!bits.some(Boolean)) continue;
      handedOn = true;
      reached.set(value, { ...flags, bits });
    }
    if (measured && !handedOn) ends.push(node);
  }
  let outputCells = 0;
  for (const output of graph.outputs) {
    for (const bit of reached.get(output)?.bits ?? []) outputCells += (bit & NAN) !== 0 ? 1 : 0;
  }
  return { reached, ends, outputCells };
}
