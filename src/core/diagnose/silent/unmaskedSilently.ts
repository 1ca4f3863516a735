/**
 * Unmasked silently: rows whose every key is masked and that attend all the same, because the fill is finite. No
 * NaN, and a number that means nothing at that position. Not where the fill is −inf (the row is NaN, a birth), nor where
 * a kernel gives 0 as its standard says.
 */
import type { AxesOfGraph } from '../../onnx/axes/infer';
import { heldPositions } from '../../onnx/axes/types';
import type { SilentFinding } from '../../report';
import type { Flags } from '../../trace/health';
import { isNaNAt, NAN } from '../../trace/health';
import { countRole } from '../../trace/ranges';
import type { AttentionSite } from '../attentionSites';
import type { FusedMasks } from '../maskSites';
import type { MaskPlane } from '../maskPlane';
import { isMasked } from '../maskPlane';
import type { FlagsOf } from '../newNaN';

/** Rows of one site that are masked throughout and came out finite; null where there are none. */
export function unmaskedRows(
  site: AttentionSite,
  planes: readonly MaskPlane[],
  flagsOf: FlagsOf,
  axes: AxesOfGraph,
): Flags | null {
  const flags = flagsOf(site.softmax.outputs[0] ?? '');
  const keys = Math.max(0, ...planes.map((plane) => plane.keys));
  if (!flags?.perPosition || keys <= 1) return null;
  const bits = new Uint8Array(flags.bits.length);
  const own = axes.of(site.softmax.outputs[0] ?? '');
  // Positions of the past are no rows here.
  const held = own && heldPositions(own);
  for (let sample = 0; sample < flags.samples; sample += 1) {
    for (let position = 0; position < flags.positions; position += 1) {
      if (isNaNAt(flags, sample, position) || held?.includes(position) === false) continue;
      let open = false;
      for (let key = 0; key < keys && !open; key += 1) {
        open = !planes.some((plane) => isMasked(plane, sample, position, key));
      }
      if (!open) bits[sample * flags.positions + position] = NAN;
    }
  }
  return bits.some(Boolean) ? { ...flags, bits } : null;
}

/** The same of a fused node; a kernel that gives 0 for such a row does what its standard says. */
export function unmaskedInFused({ site, rows }: FusedMasks, flagsOf: FlagsOf): Flags | null {
  const flags = flagsOf(site.node.outputs[0] ?? '');
  if (site.zeroRows || !flags?.perPosition || rows.keys <= 1 || flags.positions !== rows.queries) return null;
  const bits = new Uint8Array(flags.bits.length);
  for (let at = 0; at < bits.length; at += 1) {
    const sample = Math.floor(at / flags.positions);
    const query = at % flags.positions;
    const state = rows.rows[(rows.samples === 1 ? 0 : sample) * rows.queries + query];
    if (state !== undefined && state !== 'open' && !isNaNAt(flags, sample, query)) bits[at] = NAN;
  }
  return bits.some(Boolean) ? { ...flags, bits } : null;
}

/**
 * @param sites the attention nodes that show it, as the report names them, in the graph's order.
 * @param positions per sample, as ranges.
 */
export function explainUnmasked(
  sites: readonly { readonly node: string; readonly layer: number | null }[],
  positions: readonly string[],
  roles: readonly string[],
  where: string,
): Pick<SilentFinding, 'mechanism' | 'evidence' | 'explanation'> {
  const real = positions.reduce((sum, ranges, sample) => sum + countRole(ranges, roles[sample] ?? '', 'r'), 0);
  const more = sites.length === 1 ? '' : ` The same in ${String(sites.length - 1)} more attention nodes.`;
  return {
    mechanism: 'unmasked-silently',
    evidence: {
      realRows: real,
      sites: sites.length,
      layers: [...new Set(sites.map((site) => site.layer))],
      nodes: sites.slice(0, 4).map((site) => site.node),
    },
    explanation:
      `${where}: the mask removes every key, but with a finite fill, so softmax still gives the row weights that sum to 1 over masked keys. ` +
      (real === 0
        ? 'Only padding is concerned: nobody reads these rows, and no real token is wrong.'
        : 'Real tokens are concerned: their attention output is an average over positions that the mask forbids.') +
      more,
  };
}
