/** What real tokens should be. Its tensors are kept in the child and compared there. */
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../../core/errors';
import type { AnyInspection, Inspections } from '../../core/probe/inspectors';
import type { Reference } from '../../core/report';
import type { EngineJob } from '../ports';
import type { Measurement } from '../measure/measure';
import { layoutOf, type Comparable } from './comparable';

export interface ReferenceRun {
  readonly kind: Reference;
  /** Why there is none; of another kind than `unpadded`, why it is not that. */
  readonly reason: string | null;
  readonly tolerance: number | null;
  /**
   * Outputs, and rows of the table where those could be kept. Of kind `none` those of samples that are right alone:
   * they tell of no fix that it heals, but of one that it does harm.
   */
  readonly compared: readonly Compared[];
}

/** A tensor of one sample, as the padded batch's and as the reference's rows. */
export interface Compared extends Comparable {
  readonly sample: number;
  /** Handle of the reference's tensor in the child. */
  readonly handle: string;
  /** [row in the padded batch, row in the reference] of every real token. */
  readonly pairs: readonly (readonly [number, number])[];
}

/** Below this fraction of the largest reference element a difference is rounding. */
const floor = 1e-5;
/**
 * The same where float16 is rounded: four steps of its eleven bits. Padding changes the order of sums in float32, which
 * now and then tips a rounding over; seen were 0.8e-3 after 12 and 40 layers, 1.1e-3 after 6.
 */
const halfFloor = 2 ** -8;

export const noReference = (reason: string): ReferenceRun => ({
  kind: 'none',
  reason,
  tolerance: null,
  compared: [],
});

/** Whether some real token of the reference is NaN itself: then it tells nothing. */
export class NaNInReference extends Error {}

/**
 * The reference against itself in another batch: what the engine's own rounding makes of it.
 *
 * @param again what to run a second time, and which of its rows are those that were kept.
 * @throws NaNInReference
 */
export async function toleranceOf(
  job: EngineJob,
  measured: Measurement,
  compared: readonly Compared[],
  again: {
    readonly session: number;
    readonly feeds: Parameters<EngineJob['run']>[0]['feeds'];
    readonly pairs: (own: Compared) => Compared['pairs'];
  },
): Promise<number> {
  const outputs = compared.filter(({ row }) => row === null);
  const result = await job.run({
    session: again.session,
    feeds: again.feeds,
    fetch: [],
    inspect: outputs.map((own): AnyInspection => ({
      id: idOf(own),
      inspector: 'rowsDifference',
      tensors: [own.tensor, own.handle],
      params: { ...layoutOf(own), pairs: again.pairs(own) },
    })),
  });
  let tolerance = 0;
  for (const own of outputs) {
    const found = result.inspected[idOf(own)] as Inspections['rowsDifference']['result'];
    if (found.nanB > 0) throw new NaNInReference();
    const spread = typeof found.maxAbsDiff === 'number' ? found.maxAbsDiff : 0;
    tolerance = Math.max(tolerance, 4 * spread, (measured.target.fences === null ? floor : halfFloor) * found.maxAbs);
  }
  return tolerance;
}

/** Samples of a batch that is compared as a whole share the handle. */
export const idOf = ({ handle, sample }: Compared): string => `diff:${handle}:${String(sample)}`;

/** A graph whose inner shapes are baked in refuses other lengths; that is an answer, not a failure. */
export const isRefusal = (error: unknown): error is NanoscopeError =>
  error instanceof NanoscopeError &&
  ['bad-input', 'engine-failed', 'corrupt-model', 'unsupported-type', 'unsupported-op'].includes(error.code);

/** The model that a reference is run on, where it is not the one that the padded batch was run on. */
export interface ReferenceModel {
  readonly model: ModelProto;
  /** Feeds of another type than the batch's: float inputs of a widened model. */
  readonly feed?: (feeds: Measurement['target']['inputs']) => Measurement['target']['inputs'];
}
