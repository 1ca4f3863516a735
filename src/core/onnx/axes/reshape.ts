import type { Axis, Factor, TensorAxes } from './types';
import { isLabelled, other, unknown } from './types';

/**
 * Follows axes through a change of shape that keeps the row-major order of elements (Reshape, Flatten, Squeeze,
 * Unsqueeze). Factors are re-dealt to the new dims; one that neither batch nor position is may be split (hidden
 * into heads × width). Returns null where a batch or position axis itself would be cut, or sizes do not fit.
 */
export function reshapeAxes(axes: TensorAxes, shape: readonly number[]): TensorAxes | null {
  // A size-1 factor without a label carries nothing; one with a label says where batch or position went.
  const queue: Factor[] = axes.flat().filter((factor) => factor.size !== 1 || isLabelled(factor));
  if (shape.includes(0) || queue.some((factor) => factor.size === 0)) return null;
  const result: Axis[] = [];
  for (const [place, size] of shape.entries()) {
    if (size === 1) {
      const next = queue[0];
      // Leave a size-1 label for a later size-1 dim only if there are as many left as labels to place.
      result.push(next?.size === 1 ? [queue.shift() ?? other(1)] : [other(1)]);
      continue;
    }
    const taken: Factor[] = [];
    let product = 1;
    while (product < size) {
      const next = queue.shift();
      if (!next) return null;
      const need = size / product;
      if (next.size <= need) {
        if (need % next.size !== 0) return null;
        taken.push(next);
        product *= next.size;
        continue;
      }
      if (next.size % need !== 0 || isLabelled(next)) return null;
      const kind = next.kind === 'unknown' ? unknown : other;
      taken.push(kind(need));
      queue.unshift(kind(next.size / need));
      product *= need;
    }
    result.push(joined(taken));
    if (place === shape.length - 1 && queue.some((factor) => factor.size !== 1)) return null;
  }
  return result;
}

/** Neighbouring factors without a label become one, so that descriptions of equal axes compare equal. */
function joined(factors: readonly Factor[]): Axis {
  const result: Factor[] = [];
  for (const factor of factors) {
    const last = result.at(-1);
    if (last && last.kind === factor.kind && !isLabelled(factor)) {
      result[result.length - 1] = { ...last, size: last.size * factor.size };
    } else {
      result.push(factor);
    }
  }
  return result;
}
