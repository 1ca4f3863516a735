import type { TensorData } from '../../tensor';
import { allocate, elementCount } from '../../tensor';
import { left, numbersColumns, realPositions, realRows, take, whyNotAlone } from '../../verify/alone';
import { isPadded } from './padded';
import type { BatchContext, BatchFix, BatchRun } from './types';

/** Samples of equal lengths go together, so that no batch needs padding. */
export const sameLengthBatches: BatchFix = {
  id: 'same-length-batches',
  title: 'Batch samples of equal length together',
  effect: 'There are no pad tokens. Real tokens are what the model was trained for.',
  plan(context) {
    if (!isPadded(context)) return { applies: false, reason: 'The batch has no padding.' };
    const groups = sameLengthGroups(context);
    if (groups.every((group) => group.length === 1))
      return { applies: false, reason: 'No two samples have the same length; no-padding is the same here.' };
    const runs: BatchRun[] = [];
    for (const group of groups) {
      const real = realPositions(context.roles, group[0] ?? 0);
      const fit = whyNotAlone(context.specs, context.axes, real);
      if ('reason' in fit) return { applies: false, reason: `${fit.reason}.` };
      if (fit.copies > 1 && fit.copies !== group.length)
        return { applies: false, reason: `the model fixes its batch to ${String(fit.copies)} samples.` };
      runs.push({ feeds: together(context, group), samples: group, layout: { kind: 'alone' } });
    }
    return { applies: true, runs, note: planText(context.roles, groups) };
  },
};

/**
 * Samples with equal numbers of real tokens in every sequence, and in its past, longest first; those without any are
 * left out.
 */
export function sameLengthGroups({ roles, axes }: Pick<BatchContext, 'roles' | 'axes'>): number[][] {
  const groups = new Map<string, number[]>();
  const lengths = (sample: number): number[] => realPositions(roles, sample).map((own) => own.length);
  const positional = [...axes.values()].flat(2).filter(({ kind }) => kind === 'position');
  for (const sample of roles[0]?.keys() ?? []) {
    const own = lengths(sample);
    if (own.every((length) => length === 0)) continue;
    const real = realPositions(roles, sample);
    const key = [...own, ...positional.map((factor) => realRows(factor, real).length)].join();
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()].sort((a, b) => (lengths(b[0] ?? 0)[0] ?? 0) - (lengths(a[0] ?? 0)[0] ?? 0));
}

/** `3 batches of 2 × 35, 1 × 12 and 4 × 5 tokens: 102 tokens computed in the place of 245.` */
function planText(roles: BatchContext['roles'], groups: readonly (readonly number[])[]): string {
  const sizes = groups.map((group) => [group.length, realPositions(roles, group[0] ?? 0)[0]?.length ?? 0] as const);
  const list = sizes.map(([count, length]) => `${String(count)} × ${String(length)}`);
  const last = list.length > 1 ? `${list.slice(0, -1).join(', ')} and ${list.at(-1) ?? ''}` : list.join('');
  const now = sizes.reduce((sum, [count, length]) => sum + count * length, 0);
  const before = (roles[0] ?? []).reduce((sum, role) => sum + role.length, 0);
  const batches = `${String(groups.length)} ${groups.length === 1 ? 'batch' : 'batches'}`;
  return `${batches} of ${last} tokens: ${String(now)} tokens computed in the place of ${String(before)}.`;
}

/** The samples of a group as one batch: each cut to its own real positions, which are equally many. */
function together({ inputs, axes, roles }: BatchContext, group: readonly number[]): Record<string, TensorData> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => {
      const own = axes.get(name);
      const columns = numbersColumns(name, tensor, own);
      const batchAxis = tensor.dims.findIndex((size, axis) => own?.[axis]?.[0]?.kind === 'batch' && size > 1);
      const cut = (sample: number): TensorData => {
        const real = realPositions(roles, sample);
        const rows = tensor.dims.map((size, axis): readonly number[] => {
          const factor = own?.[axis]?.[0];
          if (axis === batchAxis) return [sample];
          if (factor?.kind === 'position') return left(realRows(factor, real), columns);
          return Array.from({ length: size }, (_, i) => i);
        });
        return take(tensor, rows);
      };
      return [name, batchAxis < 0 ? cut(group[0] ?? 0) : joined(group.map(cut), batchAxis)];
    }),
  );
}

/** Tensors of the same shape one after the other along an axis where each has size 1. */
function joined(parts: readonly TensorData[], axis: number): TensorData {
  const [first] = parts;
  if (!first) throw new Error('a group has a sample');
  const inner = elementCount(first.dims.slice(axis + 1));
  const outer = elementCount(first.dims.slice(0, axis));
  const dims = first.dims.map((size, i) => (i === axis ? parts.length : size));
  const result = allocate(first.dtype, elementCount(dims));
  for (let o = 0; o < outer; o += 1) {
    for (const [p, part] of parts.entries()) {
      for (let i = 0; i < inner; i += 1) {
        const element = part.data[o * inner + i];
        if (element !== undefined) result[(o * parts.length + p) * inner + i] = element;
      }
    }
  }
  return { dtype: first.dtype, dims, data: result };
}
