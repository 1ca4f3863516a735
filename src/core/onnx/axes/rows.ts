/** Rows of an axis taken by number, and axes laid end to end: which sample and position each row is stays known. */
import type { Axis, Factor } from './types';
import { axisLabelled, isLabelled, other, unknown } from './types';

/** Rows of `axis` chosen by number: batch and position remember which they were. */
export function pick(axis: Axis, chosen: readonly number[]): Axis {
  const size = chosen.length;
  const mapped = (table: Int32Array | null): Int32Array =>
    Int32Array.from(chosen, (row) => (row < 0 ? -1 : table ? (table[row] ?? -1) : row));
  const labelled = axis.filter(isLabelled);
  const first = axis[0];
  if (axis.length === 1 && first) {
    switch (first.kind) {
      case 'batch':
        return [{ ...first, size, samples: mapped(first.samples) }];
      case 'position':
        return [{ ...first, size, positions: mapped(first.positions) }];
      case 'routed':
        return [{ ...first, size, samples: mapped(first.samples), positions: mapped(first.positions) }];
      default:
        return [{ ...first, size }];
    }
  }
  if (labelled.length === 0) return [other(size)];
  return [routed(axis, chosen) ?? unknown(size)];
}

/** Rows picked out of a merged batch × position axis. */
function routed(axis: Axis, chosen: readonly number[]): Factor | null {
  const samples = new Int32Array(chosen.length).fill(-1);
  const positions = new Int32Array(chosen.length).fill(-1);
  let sequence = 0;
  const strides: number[] = [];
  let stride = 1;
  for (let i = axis.length - 1; i >= 0; i -= 1) {
    strides[i] = stride;
    stride *= axis[i]?.size ?? 1;
  }
  for (const [row, index] of chosen.entries()) {
    if (index < 0) continue;
    for (const [i, factor] of axis.entries()) {
      const coordinate = Math.floor(index / (strides[i] ?? 1)) % factor.size;
      const at = (table: Int32Array | null): number => (table ? (table[coordinate] ?? -1) : coordinate);
      if (factor.kind === 'batch') samples[row] = at(factor.samples);
      else if (factor.kind === 'position') {
        positions[row] = at(factor.positions);
        sequence = factor.sequence;
      } else if (factor.kind === 'routed') return null;
    }
  }
  return { size: chosen.length, kind: 'routed', sequence, key: false, samples, positions };
}

/** Axes laid end to end. Parts without a label get −1, as a class token before the positions does. */
export function joinAxes(parts: readonly Axis[]): Axis | null {
  const size = parts.reduce((sum, axis) => sum + axis.reduce((product, factor) => product * factor.size, 1), 0);
  const filled = parts.filter((axis) => axis.every((factor) => factor.size > 0));
  const labelled = filled.filter(axisLabelled);
  if (labelled.length === 0)
    return filled.some((axis) => axis.some((factor) => factor.kind === 'unknown')) ? null : [other(size)];
  const lead = labelled[0]?.[0];
  if (!lead || labelled.some((axis) => axis.length !== 1 || axis[0]?.kind !== lead.kind)) return null;
  const collect = (wanted: 'samples' | 'positions'): Int32Array =>
    Int32Array.from(
      filled.flatMap((axis) => {
        const factor = axis[0];
        const length = axis.reduce((product, entry) => product * entry.size, 1);
        if (!factor || !axisLabelled(axis)) return Array.from({ length }, () => -1);
        return Array.from({ length }, (_, i) => factor[wanted]?.[i] ?? i);
      }),
    );
  return [
    {
      ...lead,
      size,
      samples: lead.kind === 'batch' || lead.kind === 'routed' ? collect('samples') : null,
      // A past and what follows it count from 0 on without a gap.
      positions:
        lead.kind === 'position'
          ? unlessPlain(collect('positions'))
          : lead.kind === 'routed'
            ? collect('positions')
            : null,
    },
  ];
}

const unlessPlain = (positions: Int32Array): Int32Array | null =>
  positions.every((position, i) => position === i) ? null : positions;
