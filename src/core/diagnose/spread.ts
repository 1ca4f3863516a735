/**
 * Crossings: how NaN gets from the positions where it was born to positions that were clean. Inside attention only
 * what a row may legitimately read counts: a masked NaN key should have been removed, and is named where it was not.
 */
import type { AxesOfGraph } from '../onnx/axes/infer';
import type { Graph, GraphNode } from '../onnx/graph';
import type { CrossingMechanism, JsonNumber } from '../report';
import type { Flags } from '../trace/health';
import { isNaNAt, isNaNInSample, NAN, nanPositions } from '../trace/health';
import type { AttentionSite } from './attentionSites';
import type { Crossed, CrossingDetail } from './crossed';
import { ranges } from '../trace/ranges';
import { crossingAt, crossingInAttention } from './crossings/index';
import { fusedCrossings } from './fusedSpread';
import type { MaskPlane } from './maskPlane';
import { isMasked } from './maskPlane';
import type { FusedMasks } from './maskSites';
import { showNumber } from './births/types';
import type { FlagsOf, NewNaN } from './newNaN';

/** Masks per attention site; empty where the site has none. */
export type PlanesOf = (site: AttentionSite) => readonly MaskPlane[];

export function crossings(
  graph: Graph,
  generic: readonly NewNaN[],
  sites: readonly AttentionSite[],
  axes: AxesOfGraph,
  flagsOf: FlagsOf,
  planesOf: PlanesOf,
  fused: readonly FusedMasks[] = [],
): Crossed[] {
  const fusedAt = new Map(fused.map((masks) => [masks.site.node, masks]));
  const inside = new Map<GraphNode, AttentionSite>();
  const found: Crossed[] = [];
  for (const site of sites) {
    if (!site.query || !site.key || !site.scores) continue;
    const query = flagsOf(site.query);
    const key = flagsOf(site.key);
    if (!query?.perPosition || !key?.perPosition) continue;
    for (const node of [site.scores, ...site.path, ...(site.output ? [site.output] : [])]) inside.set(node, site);
    found.push(...inAttention(site, query, key, flagsOf, planesOf(site)));
  }
  for (const item of generic) {
    const site = inside.get(item.node);
    if (site) {
      const beside = besideKeys(item, site, flagsOf);
      if (beside)
        found.push({ ...beside, mechanism: crossingAt(item.node, graph), detail: detailOf(beside, axes, flagsOf) });
      continue;
    }
    const masks = fusedAt.get(item.node);
    const told = masks ? fusedCrossings(item, masks, flagsOf) : null;
    if (told) {
      found.push(...told);
      continue;
    }
    found.push({ ...item, mechanism: crossingAt(item.node, graph), detail: detailOf(item, axes, flagsOf) });
  }
  return found.sort((a, b) => a.node.index - b.node.index);
}

/**
 * What keys and values have nothing to do with: on the way from Q·Kᵀ to the softmax rows of clean scores meet a NaN of
 * something else, as of a mask. Null where there is none, or where what follows takes it away again.
 */
function besideKeys(item: NewNaN, site: AttentionSite, flagsOf: FlagsOf): NewNaN | null {
  if (item.node === site.softmax || !site.path.includes(item.node)) return null;
  const masked = flagsOf(site.softmax.inputs[0] ?? '');
  if (!masked) return null;
  const { positions } = item.cells;
  const bits = item.cells.bits.map((bit, i) => (isNaNAt(masked, Math.floor(i / positions), i % positions) ? bit : 0));
  return bits.some((bit) => (bit & NAN) !== 0) ? { ...item, cells: { ...item.cells, bits } } : null;
}

function inAttention(
  site: AttentionSite,
  query: Flags,
  key: Flags,
  flagsOf: FlagsOf,
  planes: readonly MaskPlane[],
): Crossed[] {
  const scoresNode = site.scores;
  const masked = flagsOf(site.softmax.inputs[0] ?? '');
  const probabilities = flagsOf(site.softmax.outputs[0] ?? '');
  if (!scoresNode || !masked || !probabilities) return [];
  const value = site.value === null ? null : flagsOf(site.value);
  const output = site.output ? flagsOf(site.output.outputs[0] ?? '') : null;
  const adding = site.masks.find((mask) => mask.kind === 'add');
  const collected = new Map<
    string,
    {
      node: GraphNode;
      mechanism: CrossingMechanism;
      value: string;
      bits: Uint8Array;
      detail: CrossingDetail & { readonly bySample: { sample: number; nanRead: string; allowed: string }[] };
    }
  >();
  const fill = fillWords(planes);
  const note = (
    node: GraphNode,
    mechanism: CrossingMechanism,
    sample: number,
    position: number,
    read: readonly number[],
    open: readonly number[],
  ): void => {
    const id = `${String(node.index)} ${mechanism}`;
    let entry = collected.get(id);
    if (!entry) {
      entry = {
        node,
        mechanism,
        value: node.outputs[0] ?? '',
        bits: new Uint8Array(masked.bits.length),
        detail: {
          sample,
          position,
          nanRead: ranges(read),
          values: [],
          allowed: ranges(open),
          bySample: [],
          ...(fill !== null && { fill }),
        },
      };
      collected.set(id, entry);
    }
    if (entry.detail.bySample.at(-1)?.sample !== sample)
      entry.detail.bySample.push({ sample, nanRead: ranges(read), allowed: ranges(open) });
    entry.bits[sample * masked.positions + position] = NAN;
  };
  for (let sample = 0; sample < masked.samples; sample += 1) {
    const nanKeys = nanPositions(key, key.perSample ? sample : 0);
    const nanValues = value ? nanPositions(value, value.perSample ? sample : 0) : [];
    if (nanKeys.length === 0 && nanValues.length === 0) continue;
    for (let position = 0; position < masked.positions; position += 1) {
      if (isNaNAt(query, sample, position)) continue;
      const open = (keys: readonly number[]): number[] =>
        keys.filter((at) => !planes.some((plane) => isMasked(plane, sample, position, at)));
      if (isNaNAt(masked, sample, position) && nanKeys.length > 0) {
        const legitimate = open(nanKeys);
        const allowed = legitimate.length > 0;
        const mechanism = crossingInAttention({ through: 'scores', allowed, adding: adding !== undefined });
        // A legitimate read crosses where it is read, a masked one where the mask should have removed it.
        const node = mechanism === 'nan-plus-minus-inf' && adding ? adding.node : scoresNode;
        note(node, mechanism, sample, position, nanKeys, legitimate);
        continue;
      }
      if (
        site.output &&
        output &&
        nanValues.length > 0 &&
        !isNaNAt(probabilities, sample, position) &&
        isNaNAt(output, sample, position)
      ) {
        const legitimate = open(nanValues);
        note(
          site.output,
          crossingInAttention({ through: 'values', allowed: legitimate.length > 0, adding: adding !== undefined }),
          sample,
          position,
          nanValues,
          legitimate,
        );
      }
    }
  }
  return [...collected.values()].map(({ node, mechanism, value: name, bits, detail }) => ({
    node,
    value: name,
    cells: { ...masked, bits },
    mechanism,
    detail,
  }));
}

/** `−1e9`: masks are filled with numbers that nobody wants to read in full. */
const short = (value: JsonNumber): string =>
  typeof value === 'number' && Math.abs(value) >= 1e6
    ? Number(value.toPrecision(6)).toExponential().replace('e+', 'e').replace('-', '−')
    : showNumber(value);

/** Null where no mask is added. */
function fillWords(planes: readonly MaskPlane[]): string | null {
  const fills = planes.flatMap(({ fill }) => (fill ? [fill.least, fill.most] : []));
  return fills.length === 0 ? null : [...new Set(fills.map(short))].join(' to ');
}

function detailOf(item: NewNaN, axes: AxesOfGraph, flagsOf: FlagsOf): CrossingDetail {
  const first = item.cells.bits.findIndex((bit) => (bit & NAN) !== 0);
  const sample = Math.floor(first / item.cells.positions);
  const read = new Set<number>();
  const values = new Set<string>();
  for (const [i, input] of item.node.inputs.entries()) {
    const flags = input === '' ? null : flagsOf(input);
    if (!flags) continue;
    const row = flags.perSample ? sample : 0;
    if (!flags.perPosition) {
      if (isNaNInSample(flags, row) && axes.reads(item.node, i, 0) !== 'nothing') values.add(input);
    } else if (axes.reads(item.node, i, 0) === 'all-positions')
      for (const position of nanPositions(flags, row)) read.add(position);
  }
  // Rows that moved keep their label: what stands at this place is another position's.
  if (read.size === 0 && values.size === 0) {
    for (const input of item.node.inputs) {
      const flags = input === '' ? null : flagsOf(input);
      for (const position of flags?.perPosition ? nanPositions(flags, flags.perSample ? sample : 0) : [])
        read.add(position);
    }
  }
  return {
    sample,
    position: first % item.cells.positions,
    nanRead: ranges([...read].sort((a, b) => a - b)),
    values: [...values],
    allowed: null,
  };
}
