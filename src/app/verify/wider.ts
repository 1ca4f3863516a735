/**
 * Fixes that compute in a wider type than the model, where the reference has the model's own: what they differ by may
 * be the rounding of the reference and not an error of the fix. Such a fix is compared with the samples alone in the
 * wider type, and is right where it comes at least as near to those as the float16 reference does itself.
 */
import type { Fix } from '../../core/fix/types';
import type { AnyInspection, Inspections } from '../../core/probe/inspectors';
import type { FixResult } from '../../core/report';
import type { Arena } from './arena';
import { graphTrial, tried } from './candidates';
import { highPrecision } from './chooseReference';
import { layoutOf } from './comparable';
import type { ReferenceRun } from './reference';

/** @returns the results, with those of fixes that turn out to be nearer to the truth than their reference replaced. */
export async function withWiderTruth(
  arena: Arena,
  results: readonly FixResult[],
  fixes: readonly Fix[],
  plain: number,
): Promise<FixResult[]> {
  const { measured, reference } = arena;
  const suspects = fixes.filter(
    ({ id, widens }) => widens === true && results.some((result) => result.id === id && result.verdict === 'hides'),
  );
  if (suspects.length === 0 || measured.target.fences === null || reference.kind !== 'unpadded') return [...results];
  const wanted = reference.compared.filter(({ sample }) => sample === reference.compared[0]?.sample);
  const wide = await highPrecision(arena.job, arena.model, measured, arena.specs, arena.roles, wanted);
  if (wide.kind === 'none') return [...results];
  try {
    const rounding = await largestDifference(arena, reference, wide, plain);
    if (rounding === null) return [...results];
    const there: Arena = { ...arena, reference: { ...wide, tolerance: rounding } };
    const again = new Map<string, FixResult>();
    for (const fix of suspects) {
      const result = await tried(there, graphTrial(there, fix), plain);
      if (result.verdict === 'hides' || result.verdict === 'declines') continue;
      const reason = `${result.reason} The tolerance is what float16 alone makes each sample without padding differ by.`;
      again.set(fix.id, { ...result, reason });
    }
    return results.map((result) => again.get(result.id) ?? result);
  } finally {
    await arena.job.drop(wide.compared.map(({ handle }) => handle));
  }
}

/** Between two references, at the outputs; null where they cannot be compared. */
async function largestDifference(
  { job, measured }: Arena,
  narrow: ReferenceRun,
  wide: ReferenceRun,
  session: number,
): Promise<number | null> {
  const inspect = narrow.compared.flatMap((own): AnyInspection[] => {
    const other = wide.compared.find(
      ({ tensor, sample, row }) => row === null && tensor === own.tensor && sample === own.sample,
    );
    if (own.row !== null || !other) return [];
    const pairs = own.pairs.map(([, row], i) => [row, other.pairs[i]?.[1] ?? row] as const);
    const params = { ...layoutOf(own), pairs };
    return [{ id: own.handle, inspector: 'rowsDifference', tensors: [own.handle, other.handle], params }];
  });
  const { inspected } = await job.run({ session, feeds: measured.target.inputs, fetch: [], inspect });
  const found = Object.values(inspected) as Inspections['rowsDifference']['result'][];
  const differences = found.map(({ maxAbsDiff }) => maxAbsDiff);
  return differences.length > 0 && differences.every((one) => typeof one === 'number')
    ? Math.max(...differences)
    : null;
}
