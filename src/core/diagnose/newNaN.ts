/**
 * Where NaN is new: positions of a node's output that hold NaN although the elements of the same position that the
 * node read do not. Born there if nothing it read is NaN, crossed over if another position's NaN was read.
 */
import type { AxesOfGraph } from '../onnx/axes/infer';
import type { Graph, GraphNode } from '../onnx/graph';
import type { Flags } from '../trace/health';
import { hasNaN, isNaNAt, isNaNInSample, NAN } from '../trace/health';
import { touched } from './touched';

/** Flags of every measured float value; null for values that cannot hold NaN or were not measured. */
export type FlagsOf = (value: string) => Flags | null;

export interface NewNaN {
  readonly node: GraphNode;
  readonly value: string;
  /** The value's own flags, restricted to the new positions. */
  readonly cells: Flags;
}

export interface Found {
  readonly births: readonly NewNaN[];
  readonly crossings: readonly NewNaN[];
}

export function findNewNaN(graph: Graph, axes: AxesOfGraph, flagsOf: FlagsOf): Found {
  const births: NewNaN[] = [];
  const crossings: NewNaN[] = [];
  for (const node of graph.nodes) {
    for (const [o, value] of node.outputs.entries()) {
      const flags = value === '' ? null : flagsOf(value);
      if (!flags || !hasNaN(flags)) continue;
      const born = new Uint8Array(flags.bits.length);
      const crossed = new Uint8Array(flags.bits.length);
      const inputs = sickInputs(node, o, axes, flagsOf, flags);
      for (let sample = 0; sample < flags.samples; sample += 1) {
        for (let position = 0; position < flags.positions; position += 1) {
          const at = sample * flags.positions + position;
          if (((flags.bits[at] ?? 0) & NAN) === 0) continue;
          const read = howRead(inputs, flags, sample, position);
          if (read === 'clean') born[at] = NAN;
          else if (read === 'elsewhere') crossed[at] = NAN;
        }
      }
      if (born.some(Boolean)) births.push({ node, value, cells: { ...flags, bits: born } });
      // Without a position axis there is no "other position" to cross from.
      if (flags.perPosition && crossed.some(Boolean))
        crossings.push({ node, value, cells: { ...flags, bits: crossed } });
    }
  }
  return { births, crossings };
}

export interface SickInput {
  readonly flags: Flags;
  readonly samePosition: boolean;
  /** Its axes are known and none of them counts positions: what it holds is no position's own. */
  readonly shared: boolean;
  /** By cell of the output, 1 where a NaN was read for it; null where equal labels mean equal coordinates. */
  readonly touched: Uint8Array | null;
}

/**
 * Inputs of a node that hold NaN anywhere, and how the node reads them for its output `o`; an input that is read
 * twice (x·x) stands there twice.
 *
 * @param out flags of that output; null when it cannot hold NaN.
 */
export function sickInputs(
  node: GraphNode,
  o: number,
  axes: AxesOfGraph,
  flagsOf: FlagsOf,
  out: Flags | null,
): SickInput[] {
  const found: SickInput[] = [];
  for (const [slot, input] of node.inputs.entries()) {
    const flags = input === '' ? null : flagsOf(input);
    if (!flags || !hasNaN(flags)) continue;
    const read = axes.reads(node, slot, o);
    if (read === 'nothing') continue;
    const link = out ? (axes.link?.(node, slot, o) ?? null) : null;
    found.push({
      flags,
      // A running sum reads its own position among others.
      samePosition: read === 'same-position' || (link !== null && link.band !== null),
      shared: isShared(axes, input, flags),
      touched: link && out ? touched(link, flags, out) : null,
    });
  }
  for (const input of node.captured) {
    const flags = flagsOf(input);
    if (flags && hasNaN(flags))
      found.push({ flags, samePosition: false, shared: isShared(axes, input, flags), touched: null });
  }
  return found;
}

const isShared = (axes: AxesOfGraph, value: string, flags: Flags): boolean =>
  !flags.perPosition && axes.of(value) !== null;

/** What the node read of `inputs` for one position of an output with `out` axes. */
export function howRead(
  inputs: readonly SickInput[],
  out: Flags,
  sample: number,
  position: number,
): 'clean' | 'here' | 'elsewhere' {
  let elsewhere = false;
  for (const { flags, samePosition, shared, touched } of inputs) {
    const told = samePosition && flags.perPosition && out.perPosition;
    if (touched) {
      if (touched[sample * out.positions + position] !== 1) continue;
      if ((!flags.perPosition && !shared) || (told && isHere(flags, out, sample, position))) return 'here';
      elsewhere = true;
    } else if (told) {
      if (isHere(flags, out, sample, position)) return 'here';
    } else if (isInSample(flags, out, sample)) {
      if (!flags.perPosition && !shared) return 'here';
      elsewhere = true;
    }
  }
  return elsewhere ? 'elsewhere' : 'clean';
}

/** An output that does not tell samples apart has read them all. */
const mixesSamples = (flags: Flags, out: Flags): boolean => !out.perSample && flags.perSample;

function isHere(flags: Flags, out: Flags, sample: number, position: number): boolean {
  if (!mixesSamples(flags, out)) return isNaNAt(flags, sample, position);
  for (let s = 0; s < flags.samples; s += 1) if (isNaNAt(flags, s, position)) return true;
  return false;
}

function isInSample(flags: Flags, out: Flags, sample: number): boolean {
  return mixesSamples(flags, out) ? hasNaN(flags) : isNaNInSample(flags, sample);
}
