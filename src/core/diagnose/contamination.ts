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

type Reads = readonly (Flags | null)[];

/**
 * What was worked out for one birth serves the others of the same measurement: after a few layers most births have
 * reached the same positions.
 */
export class Reach {
  private readonly seen = new Map<string, Flags[]>();
  private readonly handed = new Map<string, { readonly reads: Reads; readonly flags: Flags | null }[]>();

  /** The same object for equal positions of one value. */
  one(value: string, flags: Flags): Flags {
    const known = this.seen.get(value);
    if (!known) {
      this.seen.set(value, [flags]);
      return flags;
    }
    const equal = known.find(({ bits }) => bits.every((bit, i) => bit === flags.bits[i]));
    if (!equal) known.push(flags);
    return equal ?? flags;
  }

  /** @param reads as `one` gave them. */
  handedOn(value: string, reads: Reads, workOut: () => Flags | null): Flags | null {
    let known = this.handed.get(value);
    if (!known) this.handed.set(value, (known = []));
    const before = known.find((entry) => entry.reads.every((flags, i) => flags === reads[i]));
    if (before) return before.flags;
    const made = workOut();
    const flags = made && this.one(value, made);
    known.push({ reads, flags });
    return flags;
  }
}

/**
 * @param start what is NaN at the birth; `node` null for a graph input.
 * @param isInteger values that cannot hold NaN: what a node makes of it there is the end of it.
 * @param known of other births of the same measurement.
 */
export function contaminate(
  graph: Graph,
  axes: AxesOfGraph,
  flagsOf: FlagsOf,
  start: { readonly value: string; readonly cells: Flags; readonly node: NewNaN['node'] | null },
  isInteger: (value: string) => boolean,
  known = new Reach(),
): Contamination {
  const reached = new Map<string, Flags>([[start.value, known.one(start.value, start.cells)]]);
  const of: FlagsOf = (value) => reached.get(value) ?? null;
  const ends: GraphNode[] = [];
  for (const node of graph.nodes) {
    if (start.node && node.index <= start.node.index) continue;
    const reads = [...node.inputs, ...node.captured].map(of);
    if (reads.every((flags) => flags === null)) continue;
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
      const carried = known.handedOn(value, reads, () => handOn(node, o, axes, of, flags));
      if (!carried) continue;
      handedOn = true;
      reached.set(value, carried);
    }
    if (measured && !handedOn) ends.push(node);
  }
  let outputCells = 0;
  for (const output of graph.outputs) {
    for (const bit of reached.get(output)?.bits ?? []) outputCells += (bit & NAN) !== 0 ? 1 : 0;
  }
  return { reached, ends, outputCells };
}

/** NaN of an output that comes from what was reached; null where none does. */
function handOn(node: GraphNode, o: number, axes: AxesOfGraph, of: FlagsOf, flags: Flags): Flags | null {
  const inputs = sickInputs(node, o, axes, of, flags);
  const bits = new Uint8Array(flags.bits.length);
  for (let sample = 0; sample < flags.samples; sample += 1) {
    for (let position = 0; position < flags.positions; position += 1) {
      const at = sample * flags.positions + position;
      if (((flags.bits[at] ?? 0) & NAN) === 0) continue;
      if (howRead(inputs, flags, sample, position) !== 'clean') bits[at] = NAN;
    }
  }
  return bits.some(Boolean) ? { ...flags, bits } : null;
}
