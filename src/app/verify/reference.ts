/** The unpadded reference: every sample run alone, its outputs kept in the child to be compared there. */
import type { ModelProto } from 'onnx-buf';
import type { InputSpec } from '../../core/batch/types';
import { batchPlace, positionPlace } from '../../core/onnx/axes/types';
import { freshPrefix } from '../../core/probe/instrument';
import type { Inspections } from '../../core/probe/inspectors';
import type { Reference } from '../../core/report';
import { realPositions, sampleAlone, whyNotAlone } from '../../core/verify/alone';
import { NanoscopeError } from '../../core/errors';
import type { EngineJob } from '../ports';
import { encode } from '../measure/facts';
import type { Measurement } from '../measure/measure';

export interface ReferenceRun {
  readonly kind: Reference;
  /** Why there is none. */
  readonly reason: string | null;
  readonly tolerance: number | null;
  /** Outputs that are compared, with the rows of sample × position in the batch and alone. */
  readonly compared: readonly ComparedOutput[];
}

export interface ComparedOutput {
  readonly output: string;
  readonly sample: number;
  /** Handle of the reference output in the child. */
  readonly handle: string;
  readonly leading: number;
  /** [row in the padded batch, row in the run alone] of every real token. */
  readonly pairs: readonly (readonly [number, number])[];
}

/** Below this fraction of the largest reference element a difference is rounding. */
const floor = 1e-5;
/**
 * The same where float16 is rounded: four steps of its eleven bits. Padding changes the order of sums in float32, which
 * now and then tips a rounding over; seen were 0.8e-3 after 12 and 40 layers, 1.1e-3 after 6.
 */
const halfFloor = 2 ** -8;

const none = (reason: string): ReferenceRun => ({ kind: 'none', reason, tolerance: null, compared: [] });

/** @param model as the user has it: the measured one has the padded batch's shapes declared. */
export async function runReference(
  job: EngineJob,
  model: ModelProto,
  measured: Measurement,
  specs: readonly InputSpec[],
  roles: readonly (readonly string[])[],
): Promise<ReferenceRun> {
  const { target, inputAxes, grid } = measured;
  const outputs = comparable(measured);
  if (outputs.length === 0)
    return none('no output has the shape (batch, position, …) that can be compared token by token');
  const session = await job.createSession(encode(model, target), {
    level: 'disabled',
    prepack: true,
    externalDataFolder: target.externalDataFolder,
  });
  const prefix = freshPrefix(target.graph, 'alone');
  const handleOf = (sample: number, output: string): string => `${prefix}${String(sample)}:${output}`;
  const compared: ComparedOutput[] = [];
  let tolerance = 0;
  try {
    for (let sample = 0; sample < grid.samples; sample += 1) {
      const real = realPositions(roles, sample);
      // Outputs without real tokens have no reference; they count only in the NaN that is left. A sample whose memory
      // alone is empty has one: its tokens attend to nothing, and attention over no keys at all is 0.
      const telling = outputs.filter(({ output }) => (real[outputSequence(measured, output)]?.length ?? 0) > 0);
      if (telling.length === 0) continue;
      const fit = whyNotAlone(specs, inputAxes, real);
      if ('reason' in fit) return none(fit.reason);
      const keep = Object.fromEntries(telling.map(({ output }) => [handleOf(sample, output), output]));
      const copies = fit.copies;
      await job.run({
        session: session.id,
        feeds: sampleAlone(target.inputs, inputAxes, sample, real, copies),
        fetch: [],
        keep,
      });
      const own = telling.map(({ output, leading }): ComparedOutput => {
        const positions = real[outputSequence(measured, output)] ?? [];
        const width = grid.positions[outputSequence(measured, output)] ?? 1;
        const pairs =
          leading === 2
            ? positions.map((position, i) => [sample * width + position, i] as const)
            : [[sample, 0] as const];
        return { output, sample, handle: handleOf(sample, output), leading, pairs };
      });
      compared.push(...own);
      tolerance = Math.max(tolerance, await calibrate(job, session.id, measured, sample, real, copies, own));
    }
  } catch (error) {
    // A graph whose inner shapes are baked in refuses other lengths; that is an answer, not a failure.
    if (error instanceof NanoscopeError && ['bad-input', 'engine-failed', 'corrupt-model'].includes(error.code)) {
      return none(`the model does not run with other lengths (${error.message})`);
    }
    throw error;
  } finally {
    await job.release(session.id);
  }
  if (compared.length === 0) return none('no sample has a real token');
  return { kind: 'unpadded', reason: null, tolerance, compared };
}

/** The reference against itself in a batch twice as large: what the engine's own rounding makes of it. */
async function calibrate(
  job: EngineJob,
  session: number,
  measured: Measurement,
  sample: number,
  real: readonly (readonly number[])[],
  copies: number,
  own: readonly ComparedOutput[],
): Promise<number> {
  const { target, inputAxes } = measured;
  // A fixed batch dimension has no room for a second copy; then only the floor is left.
  const feeds = copies > 1 ? null : sampleAlone(target.inputs, inputAxes, sample, real, 2);
  const result = await job.run({
    session,
    feeds: feeds ?? sampleAlone(target.inputs, inputAxes, sample, real, copies),
    fetch: [],
    inspect: own.map(({ output, handle, leading, pairs }) => ({
      id: output,
      inspector: 'rowsDifference' as const,
      tensors: [output, handle],
      params: { leading, pairs: pairs.map((_, i) => [i, i] as const) },
    })),
  });
  let tolerance = 0;
  for (const { output } of own) {
    const found = result.inspected[output] as Inspections['rowsDifference']['result'];
    const spread = typeof found.maxAbsDiff === 'number' ? found.maxAbsDiff : 0;
    tolerance = Math.max(tolerance, 4 * spread, (target.fences === null ? floor : halfFloor) * found.maxAbs);
  }
  return tolerance;
}

/** Float outputs whose leading axes are batch and position (2), or batch alone (1). */
function comparable(measured: Measurement): { output: string; leading: number }[] {
  return [...measured.keptOutputs.keys()].flatMap((output) => {
    const axes = measured.axes.of(output);
    if (!axes || measured.flagsOf(output) === null) return [];
    const batch = batchPlace(axes);
    const position = positionPlace(axes);
    if (batch?.axis !== 0 || axes[0]?.length !== 1) return [];
    if (!position) return [{ output, leading: 1 }];
    return position.axis === 1 && axes[1]?.length === 1 && !position.factor.positions ? [{ output, leading: 2 }] : [];
  });
}

const outputSequence = (measured: Measurement, output: string): number =>
  positionPlace(measured.axes.of(output) ?? [])?.factor.sequence ?? 0;
