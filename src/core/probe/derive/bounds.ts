/**
 * What measured values say of those that were not measured. Where NaN is handed on for certain, a value holds at
 * least the NaN of what it was computed from and at most the NaN of what is computed from it. Where both bounds meet,
 * the value is known without a probe.
 */
import type { Flags } from '../../trace/health';
import { NAN } from '../../trace/health';
import type { Cells } from '../fold';
import type { Edge, NaNGraph, Step } from './edges';

/** Per cell of one value. */
export interface Bounds {
  readonly cells: Cells;
  /** NaN is here for certain. */
  readonly sure: Uint8Array;
  /** NaN is here because an input hands it on. */
  readonly handed: Uint8Array;
  /** For every feature, head and key of this cell there is a NaN: whatever is picked out of it, NaN is. */
  readonly full: Uint8Array;
  /** NaN may be here. */
  readonly possible: Uint8Array;
}

export interface Known {
  /** Exact flags: NaN there and nowhere else. */
  readonly exact: ReadonlyMap<string, Flags>;
  /** Flags of the screen: NaN nowhere else, and there unless a sum met +Inf and −Inf. */
  readonly screened: ReadonlyMap<string, Flags>;
}

/** @param believe takes the screen's word for NaN, too. */
export function boundsOf(graph: NaNGraph, known: Known, believe: boolean): ReadonlyMap<string, Bounds> {
  const bounds = new Map<string, Bounds>();
  for (const value of [...graph.inputs, ...graph.values]) {
    const cells = graph.cellsOf(value);
    const size = cells.samples * cells.positions;
    const own: Bounds = {
      cells,
      sure: new Uint8Array(size),
      handed: new Uint8Array(size),
      full: new Uint8Array(size),
      possible: new Uint8Array(size).fill(1),
    };
    const exact = known.exact.get(value);
    const flags = exact ?? known.screened.get(value);
    for (let i = 0; i < size && flags; i += 1) {
      own.possible[i] = (flags.bits[i] ?? 0) & NAN;
      if (exact || believe) own.sure[i] = own.possible[i] ?? 0;
    }
    bounds.set(value, own);
  }
  for (const step of graph.steps) forward(step, bounds);
  for (const step of [...graph.steps].reverse()) backward(step, bounds);
  return bounds;
}

/** Values whose bounds do not meet. */
export function openValues(graph: NaNGraph, bounds: ReadonlyMap<string, Bounds>): string[] {
  return graph.values.filter((value) => {
    const own = bounds.get(value);
    return own?.possible.some((possible, i) => possible !== 0 && own.sure[i] === 0) ?? false;
  });
}

/** Believed values whose NaN nothing hands on to them: births, and what came through an operator that may swallow. */
export function unproven(graph: NaNGraph, known: Known, bounds: ReadonlyMap<string, Bounds>): string[] {
  return graph.values.filter((value) => {
    const own = bounds.get(value);
    const believed = known.screened.has(value) && !known.exact.has(value);
    return believed && (own?.sure.some((sure, i) => sure !== 0 && own.handed[i] === 0) ?? false);
  });
}

/** A value that should hold NaN and was seen to hold none: on this machine an operator does not do what was measured. */
export const isContradicted = (bounds: ReadonlyMap<string, Bounds>): boolean =>
  [...bounds.values()].some(({ sure, possible }) => sure.some((bit, i) => bit !== 0 && possible[i] === 0));

export function flagsOfBounds({ cells, possible }: Bounds): Flags {
  const { samples, positions, perSample, perPosition, sequence, key } = cells;
  return { samples, positions, perSample, perPosition, sequence, key, bits: possible.map((bit) => (bit ? NAN : 0)) };
}

function forward({ edges, complete }: Step, bounds: ReadonlyMap<string, Bounds>): void {
  for (const edge of edges) {
    const [from, to] = [bounds.get(edge.from), bounds.get(edge.to)];
    if (!from || !to || edge.relation.sample === 'one' || edge.relation.position === 'one') continue;
    const picks = edge.kind === 'pick' || edge.kind === 'part';
    const fullTo = edge.kind === 'join' ? null : to.full;
    const cellwise = isCellwise(edge, from, to);
    for (let i = 0; i < from.sure.length; i += 1) {
      if (!from.sure[i]) continue;
      const isFull = edge.relation.keepsFull && from.full[i] === 1;
      if (picks && !isFull) continue;
      const fills = edge.relation.fills || isFull;
      if (cellwise) {
        to.sure[i] = 1;
        to.handed[i] = 1;
        if (fills && fullTo) fullTo[i] = 1;
        continue;
      }
      hit(edge, from.cells, to.cells, i, (at) => {
        to.sure[at] = 1;
        to.handed[at] = 1;
        if (fills && fullTo) fullTo[at] = 1;
      });
    }
  }
  if (complete && edges[0]?.kind === 'join') joinFull(edges, bounds);
}

/** Most operators keep every cell where it is: nothing has to be looked for. */
const isCellwise = ({ relation }: Edge, from: Bounds, to: Bounds): boolean =>
  relation.sample === 'same' &&
  relation.position === 'same' &&
  from.cells.positions === to.cells.positions &&
  from.cells.samples === to.cells.samples;

/** What is put together out of full cells is full. */
function joinFull(edges: readonly Edge[], bounds: ReadonlyMap<string, Bounds>): void {
  const to = bounds.get(edges[0]?.to ?? '');
  if (!to) return;
  const counts = new Uint32Array(to.full.length);
  for (const edge of edges) {
    const from = bounds.get(edge.from);
    if (!from || !edge.relation.keepsFull || edge.relation.sample === 'one' || edge.relation.position === 'one') return;
    const seen = new Uint8Array(to.full.length);
    for (let i = 0; i < from.full.length; i += 1)
      if (from.full[i]) hit(edge, from.cells, to.cells, i, (at) => (seen[at] = 1));
    for (let i = 0; i < seen.length; i += 1) counts[i] = (counts[i] ?? 0) + (seen[i] ?? 0);
  }
  for (let i = 0; i < counts.length; i += 1) if (counts[i] === edges.length) to.full[i] = 1;
}

/** Visits the cells of `to` that NaN in cell `index` of `from` shows in; none of the coordinates is `one`. */
function hit({ relation }: Edge, from: Cells, to: Cells, index: number, visit: (at: number) => void): void {
  const [sample, position] = [Math.floor(index / from.positions), index % from.positions];
  const [s0, s1] = range(relation.sample, sample, to.samples);
  const [p0, p1] = range(relation.position, position, to.positions);
  for (let s = s0; s < s1; s += 1) for (let p = p0; p < p1; p += 1) visit(s * to.positions + p);
}

const range = (what: Edge['relation']['sample'], at: number, size: number): readonly [number, number] =>
  what === 'all' || what === 'one' ? [0, size] : what === 'same' ? [at, at + 1] : [0, 1];

/** A value that hands its NaN on has none where none arrived. */
function backward({ edges, complete }: Step, bounds: ReadonlyMap<string, Bounds>): void {
  if (edges[0]?.kind === 'part') {
    // Each element is in one of the outputs.
    const from = bounds.get(edges[0].from);
    if (!from || !complete) return;
    const arrived = new Uint8Array(from.possible.length);
    for (const edge of edges)
      for (let i = 0; i < arrived.length; i += 1) if (mayArrive(edge, from, bounds, i)) arrived[i] = 1;
    for (let i = 0; i < arrived.length; i += 1) if (!arrived[i]) from.possible[i] = 0;
    return;
  }
  for (const edge of edges) {
    const from = bounds.get(edge.from);
    if (!from || edge.kind === 'pick') continue;
    const to = bounds.get(edge.to);
    if (to && isCellwise(edge, from, to)) {
      for (let i = 0; i < from.possible.length; i += 1) if (!to.possible[i]) from.possible[i] = 0;
      continue;
    }
    for (let i = 0; i < from.possible.length; i += 1)
      if (from.possible[i] && !mayArrive(edge, from, bounds, i)) from.possible[i] = 0;
  }
}

/** Whether the output may hold all the NaN that one NaN in cell `index` of the input would have caused. */
function mayArrive({ to, relation }: Edge, from: Bounds, bounds: ReadonlyMap<string, Bounds>, index: number): boolean {
  const out = bounds.get(to);
  if (!out) return true;
  const { cells, possible } = out;
  const [sample, position] = [Math.floor(index / from.cells.positions), index % from.cells.positions];
  const [s0, s1] = range(relation.sample, sample, cells.samples);
  const [p0, p1] = range(relation.position, position, cells.positions);
  // Some place of those nobody knows, and there everywhere along what is hit all along.
  const along = (p: number): boolean =>
    quantified(relation.sample, s0, s1, (s) => possible[s * cells.positions + p] === 1);
  const across = (s: number): boolean =>
    quantified(relation.position, p0, p1, (p) => possible[s * cells.positions + p] === 1);
  return relation.position === 'one'
    ? quantified(relation.position, p0, p1, along)
    : quantified(relation.sample, s0, s1, across);
}

function quantified(
  what: Edge['relation']['sample'],
  from: number,
  to: number,
  holds: (i: number) => boolean,
): boolean {
  for (let i = from; i < to; i += 1) if (holds(i) === (what === 'one')) return what === 'one';
  return what !== 'one';
}
