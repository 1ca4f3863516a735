/** The experiments by name, and how each is run. */
import { borneOut } from '../../core/experiments/check';
import { experiments, type ExperimentId } from '../../core/experiments/catalog';
import type { ExperimentResult } from '../../core/experiments/types';
import { NanoscopeError } from '../../core/errors';
import { closest } from '../../core/suggest';
import type { DiagnoseDeps } from '../useCases';
import { sdpaBoolMask, sdpaNanKv } from './attentionKernels';
import { attentionPath, kvGroups } from './attentionPath';
import { extractionPlan } from './extractionPlan';
import { legacyUnmaskRule, noPadding, rightPadding, softmaxGuard, unmask, zeroPadHidden } from './fixes';
import { Laboratory, type Experiment, type LaboratoryOptions } from './laboratory';
import { nanTrace } from './nanTrace';
import { paddingSharded, paddingUnsharded, pipelineParallel } from './parallelism';

/** Of the model that was investigated. */
export const layersThen = 61;

/** Scenario files of a trait have a handful of lengths; these stand for them. */
export const defaultSequences: readonly number[] = [5, 35, 12, 35, 5, 12, 20, 35, 5, 20, 12, 35];

export interface ExperimentRequest {
  readonly ids: readonly ExperimentId[];
  /** Fewer than 61 for those in a hurry, at least 2. */
  readonly layers?: number | undefined;
  /** What `extraction-plan` plans for. */
  readonly lengths?: readonly number[] | undefined;
}

/** @throws NanoscopeError `usage` for a name that is none */
export function experimentNamed(name: string): ExperimentId {
  const found = experiments.find(({ id }) => id === name);
  if (found) return found.id;
  const ids = experiments.map(({ id }) => id);
  const guess = closest(name, ids);
  throw new NanoscopeError(
    'usage',
    `There is no experiment called “${name}”.`,
    `${guess === null ? '' : `Did you mean ${guess}? `}They are: ${ids.join(', ')}.`,
  );
}

/**
 * One after the other; reports that several of them read are made once.
 * @param onResult is told each as soon as it is there
 * @throws NanoscopeError what the engine or a cancelled run throws; results that were told stay true
 */
export async function runExperiments(
  deps: DiagnoseDeps,
  { ids, layers = layersThen, lengths = defaultSequences }: ExperimentRequest,
  { onProgress }: Pick<LaboratoryOptions, 'onProgress'>,
  onResult: (result: ExperimentResult) => Promise<void> | void,
  signal?: AbortSignal,
): Promise<void> {
  let done = 0;
  const laboratory = new Laboratory(deps, {
    layers,
    signal,
    onProgress: ({ text, fraction }) =>
      onProgress?.({ text: `${ids[done] ?? ''}: ${text}`, fraction: (done + (fraction ?? 0)) / ids.length }),
  });
  for (const id of ids) {
    const start = performance.now();
    const { checks, explanation, standIns = [], comparison } = await methodOf(id, lengths)(laboratory);
    const info = experiments.find((one) => one.id === id);
    await onResult({
      schemaVersion: 1,
      kind: 'experiment',
      id,
      title: info?.title ?? id,
      question: info?.question ?? '',
      checks,
      agrees: checks.every(({ verdict }) => verdict !== 'disagrees'),
      explanation: explanation ? borneOut(explanation, checks) : null,
      standIns,
      ...(comparison && { comparison }),
      milliseconds: Math.round(performance.now() - start),
    });
    done += 1;
  }
}

const methods: Readonly<Record<Exclude<ExperimentId, 'extraction-plan'>, Experiment>> = {
  'padding-sharded': paddingSharded,
  'padding-unsharded': paddingUnsharded,
  'nan-trace': nanTrace,
  'sdpa-bool-mask': sdpaBoolMask,
  'sdpa-nan-kv': sdpaNanKv,
  'attention-path': attentionPath,
  'kv-groups': kvGroups,
  'pipeline-parallel': pipelineParallel,
  'fix-1-no-padding': noPadding,
  'fix-2-right-padding': rightPadding,
  'fix-3-softmax-guard': softmaxGuard,
  'fix-4-zero-pad-hidden': zeroPadHidden,
  'fix-5-unmask': unmask,
  'legacy-unmask-rule': legacyUnmaskRule,
};

const methodOf = (id: ExperimentId, lengths: readonly number[]): Experiment =>
  id === 'extraction-plan' ? extractionPlan(lengths) : methods[id];
