/**
 * Crossings at fused attention, told by its masks: a row that may attend to a NaN key has read it (`contraction`); for
 * one that may not, the kernel adds the mask to a NaN score, or multiplies a NaN value with weight 0.
 */
import type { CrossingMechanism } from '../report';
import { isNaNAt, NAN, nanPositions } from '../trace/health';
import type { FusedMasks } from './maskSites';
import { isMasked } from './maskPlane';
import type { FlagsOf, NewNaN } from './newNaN';
import type { Crossed, CrossingDetail } from './crossed';
import { ranges } from '../trace/ranges';
import { crossingInAttention } from './crossings/index';

/** @returns null where keys cannot be told apart: the operator stays one that sums. */
export function fusedCrossings(item: NewNaN, { site, rows }: FusedMasks, flagsOf: FlagsOf): Crossed[] | null {
  const { operands, node } = site;
  const keys = operands && flagsOf(operands.key);
  const values = operands && flagsOf(operands.value);
  const tells = (flags: typeof keys): boolean => flags?.perPosition === true && flags.positions === rows.keys;
  if (!keys || !values || !tells(keys) || !tells(values) || item.cells.positions !== rows.queries) return null;
  // This kernel leaves later keys out before anything is summed; their values it multiplies with 0.
  const scoresAll = node.op !== 'GroupQueryAttention';
  const found = new Map<CrossingMechanism, { bits: Uint8Array; detail: CrossingDetail }>();
  for (let sample = 0; sample < item.cells.samples; sample += 1) {
    const nanKeys = nanPositions(keys, sample);
    const nanValues = nanPositions(values, sample);
    for (let position = 0; position < item.cells.positions; position += 1) {
      if (!isNaNAt(item.cells, sample, position)) continue;
      const scored = scoresAll ? nanKeys : nanKeys.filter((key) => key <= position);
      const read = scored.length > 0 ? scored : nanValues;
      const open = read.filter((key) => !isMasked(rows.plane, sample, position, key));
      const mechanism = crossingInAttention({
        through: scored.length > 0 ? 'scores' : 'values',
        // What was read but not found is not said to be masked.
        allowed: open.length > 0 || read.length === 0,
        adding: true,
      });
      let entry = found.get(mechanism);
      if (!entry) {
        const detail = { sample, position, nanRead: ranges(read), values: [], allowed: ranges(open) };
        entry = { bits: new Uint8Array(item.cells.bits.length), detail };
        found.set(mechanism, entry);
      }
      entry.bits[sample * item.cells.positions + position] = NAN;
    }
  }
  return [...found].map(([mechanism, { bits, detail }]) => ({
    ...item,
    cells: { ...item.cells, bits },
    mechanism,
    detail,
  }));
}
