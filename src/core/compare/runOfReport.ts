/** A report as one run of a comparison, and several batches of one model as one run. */
import type { Report, SampleHealth } from '../report';
import type { ComparedBirth, ComparedRun } from './types';

export function runOfReport(report: Report, label: string, facts: readonly string[] = []): ComparedRun {
  const { model, batch, table, outputs, origins } = report;
  return {
    label,
    model: model.name,
    roles: batch.roles,
    ...(batch.memory && { memoryRoles: batch.memory.roles }),
    table,
    outputs,
    births: origins.map((origin): ComparedBirth => ({
      layer: origin.layer,
      block: origin.block,
      stage: origin.stage,
      mechanism: origin.mechanism,
      op: origin.op,
      node: origin.node,
      positions: origin.positions,
    })),
    facts,
  };
}

/**
 * Batches of the same model as one run, as if all samples had been in one batch.
 * @param batches each with the indices that its samples have in the whole
 * @param count of samples; those that no batch has are empty, and nothing of them was left to run
 */
export function joinedRuns(
  batches: readonly { readonly run: ComparedRun; readonly samples: readonly number[] }[],
  count: number,
  label: string,
): ComparedRun {
  const [first] = batches;
  if (!first) throw new RangeError('no batches to join');
  const inOrder = <T>(empty: T, pick: (run: ComparedRun) => readonly T[] | null | undefined): T[] => {
    const all = Array<T>(count).fill(empty);
    for (const { run, samples } of batches)
      samples.forEach((sample, own) => {
        const value = pick(run)?.[own];
        if (value !== undefined) all[sample] = value;
      });
    return all;
  };
  return {
    ...first.run,
    label,
    roles: inOrder('', ({ roles }) => roles),
    ...(first.run.memoryRoles && { memoryRoles: inOrder('', ({ memoryRoles }) => memoryRoles) }),
    table: first.run.table.map((row, at) => ({
      ...row,
      ...(row.whole && { whole: { ...row.whole, nan: batches.some(({ run }) => run.table[at]?.whole?.nan === true) } }),
      samples: row.samples && inOrder(noPositions, ({ table }) => table[at]?.samples),
    })),
    outputs: first.run.outputs.map((output, at) => ({
      ...output,
      nanPositions: output.nanPositions && inOrder(0, ({ outputs }) => outputs[at]?.nanPositions),
      nanAt: output.nanAt && inOrder('', ({ outputs }) => outputs[at]?.nanAt),
    })),
    ...(first.run.births && {
      births: batches.flatMap(({ run, samples }) =>
        (run.births ?? []).map((birth) => ({
          ...birth,
          positions: birth.positions && inPlaces(birth.positions, samples, count),
        })),
      ),
    }),
  };
}

const noPositions: SampleHealth = {
  nan: 0,
  of: 0,
  padNan: 0,
  pad: 0,
  realNan: 0,
  real: 0,
  posInf: 0,
  negInf: 0,
  absMax: null,
  min: null,
  max: null,
  norm: null,
  nanAt: '',
};

function inPlaces(positions: readonly string[], samples: readonly number[], count: number): string[] {
  const all = Array<string>(count).fill('');
  samples.forEach((sample, own) => (all[sample] = positions[own] ?? ''));
  return all;
}
