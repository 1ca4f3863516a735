/** What every fix on trial meets: the batch, the model, and the reference. */
import type { ModelProto } from 'onnx-buf';
import type { InputSpec } from '../../core/batch/types';
import type { FixContext } from '../../core/fix/types';
import type { Site } from '../../core/trace/sites';
import type { Measurement } from '../measure/measure';
import type { EngineJob } from '../ports';
import type { Progress } from '../useCases';
import type { ReferenceRun } from './reference';

export interface Arena {
  readonly job: EngineJob;
  readonly measured: Measurement;
  /** The model as the user has it: the measured one has the padded batch's shapes declared. */
  readonly model: ModelProto;
  readonly specs: readonly InputSpec[];
  readonly context: FixContext;
  readonly reference: ReferenceRun;
  /** By sequence. */
  readonly roles: readonly (readonly string[])[];
  readonly sites: readonly Site[];
  readonly onProgress: (progress: Progress) => void;
}
