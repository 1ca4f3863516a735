/**
 * The static look: which padding can leave a row of attention without any key. Nothing but the masks is run, on
 * batches of the same shape: one pad at the left, one at the right, all but one, all.
 */
import { comparedWith } from '../../core/batch/padId';
import type { PaddingPattern } from '../../core/batch/otherPadding';
import { paddings, withPadding } from '../../core/batch/otherPadding';
import { kindOf } from '../../core/batch/layout';
import { lookSentence } from '../../core/diagnose/look/words';
import { maskedBelow } from '../../core/diagnose/maskPlane';
import type { MaskedRows } from '../../core/diagnose/maskLevels';
import type { MaskSite } from '../../core/diagnose/maskSites';
import { elementInputs } from '../../core/diagnose/rows/maskParts';
import type { GraphNode } from '../../core/onnx/graph';
import { Graph } from '../../core/onnx/graph';
import { floatsOf } from '../../core/probe/floats';
import type { LookCase, MaskLook, StaticLook } from '../../core/report';
import { formatRanges } from '../../core/trace/ranges';
import type { Feeds } from '../measure/maskRows';
import { maskKey, readMaskRows } from '../measure/maskRows';
import type { MaskReading } from '../../core/batch/maskReading';
import type { EngineJob } from '../ports';
import type { PreparedBatch } from '../prepareBatch';

/** A mask as it was looked at, with what a run is compared with. */
export interface LookedMask {
  readonly sites: readonly MaskSite[];
  readonly look: MaskLook;
  /** Rows as the batch's own masks leave them; null where they could not be read. */
  readonly own: MaskedRows | null;
}

export interface Looked {
  readonly paddingInputs: readonly string[];
  readonly masks: readonly LookedMask[];
}

export const lookOf = ({ paddingInputs, masks }: Looked): StaticLook => ({
  paddingInputs,
  masks: masks.map(({ look }) => look),
});

const order = ['onePadLeft', 'oneRealRight', 'onePadRight', 'oneRealLeft', 'empty'] as const;

export async function lookAtMasks(
  job: EngineJob,
  { prepared, masks: readings }: Pick<PreparedBatch, 'prepared' | 'masks'>,
  layerOf: (node: GraphNode) => number | null,
): Promise<Looked> {
  const { maskSites, target } = prepared;
  const graph = new Graph(maskSites.model);
  const usable = readings.filter((reading) => !reading.perQuery);
  const batches = [...order.map((name) => padded(graph, target.inputs, usable, paddings[name])), target.inputs];
  const read = await readMaskRows(job, prepared, maskSites, batches);
  const groups = new Map<string, MaskSite[]>();
  for (const site of maskSites.sites) {
    const key = groupKey(site, read.get(maskKey(site)) ?? null);
    groups.set(key, [...(groups.get(key) ?? []), site]);
  }
  const inputsOf = (site: MaskSite): Set<string> =>
    new Set(site.masks.flatMap(({ value }) => [...elementInputs(graph, value)]));
  const reached = new Set<string>();
  const masks = [...groups.values()].flatMap((sites): LookedMask[] => {
    const [first] = sites;
    if (!first) return [];
    const inputs = inputsOf(first);
    const marks = usable.filter(({ input }) => inputs.has(input));
    for (const { input } of marks) reached.add(input);
    const rows = read.get(maskKey(first)) ?? null;
    const reason = first.reason ?? notUnderstood([...inputs], prepared.target.inputs, usable);
    const base = {
      nodes: sites.map(({ node }) => node.name),
      layers: [...new Set(sites.map(({ node }) => layerOf(node)))],
      kind: first.fused ? ('fused' as const) : ('eager' as const),
    };
    const cases = casesOf(reason, rows);
    const fill = fillOf(first, rows, reason);
    const padding = reason !== null || marks.length > 0;
    const look = { ...base, fill, ...cases, sentence: lookSentence({ ...cases, fill }, padding) };
    return [{ sites, look: { ...look, confirmed: 'not-tested' }, own: rows?.[order.length] ?? null }];
  });
  return { paddingInputs: [...reached], masks };
}

/** Some exporters make the same mask again in every layer: what all of these batches show alike is one mask. */
function groupKey(site: MaskSite, rows: readonly MaskedRows[] | null): string {
  const shown = rows?.map((one) => one.rows.map((state) => state.charAt(0)).join('')) ?? site.node.name;
  return JSON.stringify([site.fused, site.zeroRows, site.sequences, site.masks.length > 0, site.reason, shown]);
}

/** Inputs that decide what is masked, and of which nobody knows what padding is in them. */
function notUnderstood(inputs: readonly string[], fed: Feeds, readings: readonly MaskReading[]): string | null {
  const open = inputs.filter((input) => {
    const tensor = fed[input];
    if (!tensor || readings.some((reading) => reading.input === input)) return false;
    const kind = kindOf({ name: input, dtype: tensor.dtype, dims: tensor.dims });
    return kind !== 'positions' && kind !== 'cache-flag';
  });
  if (open.length === 0) return null;
  return `the mask is made of ${open.join(', ')}, and what padding is in there only its maker knows`;
}

function padded(graph: Graph, inputs: Feeds, readings: readonly MaskReading[], pattern: PaddingPattern): Feeds {
  const changed = readings.flatMap((reading) => {
    const mask = inputs[reading.input];
    if (!mask) return [];
    return [[reading.input, withPadding(mask, reading.axes.position, meaning(graph, reading, mask), pattern)] as const];
  });
  return { ...inputs, ...Object.fromEntries(changed) };
}

function meaning(
  graph: Graph,
  { form, real, input, padId = 0 }: MaskReading,
  mask: Feeds[string],
): { readonly real: number; readonly pad: number } {
  if (form === 'flag') return { real, pad: 1 - real };
  if (form === 'additive') {
    // The number that this batch masks with, if it masks at all.
    const lowest = Array.from(floatsOf(mask)).reduce((least, value) => (value < least ? value : least), 0);
    return { real: 0, pad: lowest < maskedBelow ? lowest : -Infinity };
  }
  const compared = comparedWith(graph, input);
  let token = 1;
  while (token === padId || compared.includes(token)) token += 1;
  return { real: token, pad: padId };
}

function casesOf(
  reason: string | null,
  rows: readonly MaskedRows[] | null,
): Pick<MaskLook, 'left' | 'right' | 'empty'> {
  const one = (least: number, most: number): LookCase => {
    const [few, many] = [rows?.[least], rows?.[most]];
    if (reason !== null || !few || !many)
      return {
        verdict: 'unknown',
        rows: '',
        rowsAtMost: '',
        reason: reason ?? 'its masks could not be read',
        confirmed: 'not-tested',
      };
    const [at, atMost] = [maskedIn(few), maskedIn(many)];
    const verdict = at === '' && atMost === '' ? 'safe' : 'fully-masked';
    return { verdict, rows: at, rowsAtMost: atMost, confirmed: 'not-tested' };
  };
  return { left: one(0, 1), right: one(2, 3), empty: one(4, 4) };
}

/** Rows that are masked throughout in any sample. */
const maskedIn = ({ samples, queries, rows }: MaskedRows): string =>
  formatRanges(queries, (query) =>
    Array.from({ length: samples }, (_, sample) => rows[sample * queries + query]).some((state) => state !== 'open'),
  );

function fillOf(site: MaskSite, rows: readonly MaskedRows[] | null, reason: string | null): MaskLook['fill'] {
  const states = reason === null ? (rows ?? []).flatMap((one) => one.rows) : [];
  if (states.every((state) => state === 'open')) return null;
  if (site.zeroRows) return 'zeros';
  return states.includes('infinite') ? '-Infinity' : 'finite';
}
