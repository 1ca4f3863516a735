/** Which reference a batch can have: the unpadded run; where that is impossible or NaN itself, the next best one. */
import type { ModelProto } from 'onnx-buf';
import type { InputSpec } from '../../core/batch/types';
import type { FixContext } from '../../core/fix/types';
import { NanoscopeError } from '../../core/errors';
import { zeroMaskedRows } from '../../core/fix/zeroMaskedRows';
import { widened } from '../../core/onnx/widen';
import { floatsOf } from '../../core/probe/floats';
import type { TensorData } from '../../core/tensor';
import type { EngineJob } from '../ports';
import type { Measurement } from '../measure/measure';
import type { Comparable } from './comparable';
import { edited } from './edited';
import { runInBatch } from './inBatch';
import type { ReferenceRun } from './reference';
import { noReference } from './reference';
import { nanAlone, runUnpadded } from './unpadded';

/** @param model as the user has it: the measured one has the padded batch's shapes declared. */
export async function chooseReference(
  job: EngineJob,
  model: ModelProto,
  measured: Measurement,
  context: FixContext,
  specs: readonly InputSpec[],
  roles: readonly (readonly string[])[],
  wanted: readonly Comparable[],
): Promise<ReferenceRun> {
  if (!wanted.some(({ row }) => row === null))
    return noReference('no output has the shape (batch, position, …) that can be compared token by token');
  const unpadded = await runUnpadded(job, { kind: 'unpadded', model }, measured, specs, roles, wanted);
  if (unpadded.kind !== 'none') return unpadded;
  if (unpadded.reason !== nanAlone) {
    const next = await runInBatch(job, measured, context, roles, wanted, unpadded.reason);
    return next.kind === 'none' ? neither(unpadded, next) : next;
  }
  const forget = ({ compared }: ReferenceRun): Promise<void> => job.drop(compared.map(({ handle }) => handle));
  let known = unpadded;
  // A real token that may attend to nothing has attention 0.
  const plan = zeroMaskedRows.plan(context);
  const own = plan.applies ? edited(model, plan.edits) : model;
  if (plan.applies) {
    await forget(unpadded);
    known = await runUnpadded(job, { kind: 'unpadded', model: own }, measured, specs, roles, wanted);
    if (known.kind !== 'none') return known;
  }
  const next = await highPrecision(job, own, measured, specs, roles, wanted);
  if (next.kind === 'none') return { ...known, reason: neither(unpadded, next).reason };
  await forget(known);
  return next;
}

const neither = (first: ReferenceRun, second: ReferenceRun): ReferenceRun =>
  noReference(`${first.reason ?? ''}, and ${second.reason ?? ''}`);

/** Overflow is the narrow type's: the same samples alone in a type with room for the numbers. */
export async function highPrecision(
  job: EngineJob,
  model: ModelProto,
  measured: Measurement,
  specs: readonly InputSpec[],
  roles: readonly (readonly string[])[],
  wanted: readonly Comparable[],
): Promise<ReferenceRun> {
  const half = measured.target.fences !== null;
  const [from, to] = half ? (['float16', 'float32'] as const) : (['float32', 'float64'] as const);
  let wide: ModelProto;
  try {
    wide = widened(model, from);
  } catch (error) {
    if (error instanceof NanoscopeError) return noReference(`it cannot be run in ${to}: ${error.message}`);
    throw error;
  }
  const feed = (feeds: Readonly<Record<string, TensorData>>): Record<string, TensorData> =>
    Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => [name, tensor.dtype === from ? widenedTensor(tensor, to) : tensor]),
    );
  const as = { kind: 'high-precision' as const, model: wide, feed };
  const found = await runUnpadded(job, as, measured, specs, roles, wanted);
  if (found.kind === 'none') await job.drop(found.compared.map(({ handle }) => handle));
  return found.kind === 'none'
    ? noReference(found.reason === nanAlone ? `the same in ${to} gives NaN too` : `in ${to} ${found.reason ?? ''}`)
    : { ...found, reason: nanAlone };
}

const widenedTensor = ({ dims, ...tensor }: TensorData, dtype: 'float32' | 'float64'): TensorData => {
  const numbers = floatsOf({ dims, ...tensor });
  return { dtype, dims, data: dtype === 'float32' ? Float32Array.from(numbers) : Float64Array.from(numbers) };
};
