/**
 * How far real tokens are from the unpadded run when every masked slot is removed exactly: what padding does to them
 * without any NaN, by counting their positions from the wrong end.
 */
import type { Inspections } from '../../core/probe/inspectors';
import type { FixResult } from '../../core/report';
import { comparableOutputs, layoutOf } from './comparable';
import { runInBatch } from './inBatch';
import type { Arena } from './arena';

/** @returns null where nothing asks for it, or where it cannot be measured. */
export async function paddingShift(
  { job, measured, context, reference, roles }: Arena,
  results: readonly FixResult[],
  plain: number,
): Promise<number | null> {
  const asked = results.some(({ kind, verdict }) => kind === 'graph' && verdict === 'hides');
  if (!asked || reference.kind !== 'unpadded') return null;
  const inBatch = await runInBatch(job, measured, context, roles, comparableOutputs(measured), null);
  const pairs = reference.compared.flatMap((own) => {
    const there = inBatch.compared.find(
      ({ tensor, sample, row }) => row === null && own.row === null && tensor === own.tensor && sample === own.sample,
    );
    return there ? [{ own, there }] : [];
  });
  if (pairs.length === 0) return null;
  const { inspected } = await job.run({
    session: plain,
    feeds: measured.target.inputs,
    fetch: [],
    inspect: pairs.map(({ own, there }) => ({
      id: own.handle,
      inspector: 'rowsDifference' as const,
      tensors: [there.handle, own.handle],
      params: { ...layoutOf(own), pairs: own.pairs.map(([, row], i) => [there.pairs[i]?.[1] ?? 0, row] as const) },
    })),
  });
  await job.drop([...new Set(inBatch.compared.map(({ handle }) => handle))]);
  const found = pairs.map(({ own }) => (inspected[own.handle] as Inspections['rowsDifference']['result']).maxAbsDiff);
  return found.every((value) => typeof value === 'number') ? Math.max(...found) : null;
}
