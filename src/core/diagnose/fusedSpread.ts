/**
 * Crossings at fused attention, told by its masks: a row that may attend to a NaN key has read it (`contraction`); for
 * one that may not, the kernel adds the mask to a NaN score, or multiplies a NaN value with weight 0.
 */
import type { CrossingMechanism } from '../report';
import type { Flags } from '../trace/health';
import { isNaNAt, NAN, nanPositions } from '../trace/health';
import type { FusedMasks } from './maskSites';
import { isMasked } from './maskPlane';
import type { FlagsOf, NewNaN } from './newNaN';
import type { Crossed, CrossingDetail } from './crossed';
import { ranges } from '../trace/ranges';
import { crossingInAttention } from './crossings/index';

const nanOf = (parts: readonly Flags[], sample: number): number[] =>
  [...new Set(parts.flatMap((flags) => nanPositions(flags, sample)))].sort((a, b) => a - b);

/** @returns null where keys cannot be told apart: the operator stays one that sums. */
export function fusedCrossings(item: NewNaN, { site, rows }: FusedMasks, flagsOf: FlagsOf): Crossed[] | null {
  const { operands, node } = site;
  const keys = operands && operands.keys.map(flagsOf);
  const values = operands && operands.values.map(flagsOf);
  const tells = (flags: Flags | null): flags is Flags => flags?.perPosition === true && flags.positions === rows.keys;
  if (!keys?.every(tells) || !values?.every(tells) || item.cells.positions !== rows.queries) return null;
  // This kernel leaves later keys out before anything is summed; their values it multiplies with 0.
  const scoresAll = node.op !== 'GroupQueryAttention';
  const found = new Map<CrossingMechanism, { bits: Uint8Array; detail: CrossingDetail }>();
  for (let sample = 0; sample < item.cells.samples; sample += 1) {
    const nanKeys = nanOf(keys, sample);
    const nanValues = nanOf(values, sample);
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
