/** The static look as a use case of its own: before any run of the model. */
import type { GraphNode } from '../../core/onnx/graph';
import type { ModelInfo, StaticLook } from '../../core/report';
import { placesInTable, tableSites } from '../../core/trace/sites';
import { isFloat } from '../../core/probe/instrument';
import { modelInfo } from '../modelInfo';
import { prepareBatch } from '../prepareBatch';
import { openSubject } from '../subject';
import type { DiagnoseDeps, DiagnoseRequest } from '../useCases';
import { lookAtMasks, lookOf } from './lookAtMasks';

export type LookRequest = Pick<DiagnoseRequest, 'model' | 'inputsFile' | 'lengths' | 'mask' | 'cast'>;

export interface LookResult {
  readonly schemaVersion: 1;
  readonly model: ModelInfo;
  readonly staticLook: StaticLook;
}

/** @throws NanoscopeError as `diagnose` does before it runs the model. */
export async function staticLook(deps: DiagnoseDeps, request: LookRequest, signal?: AbortSignal): Promise<LookResult> {
  const job = deps.engine.start(signal);
  try {
    const made = await prepareBatch(
      job,
      deps,
      await openSubject(deps.files, request.model, request.cast),
      { ...request, userLevel: 'all', fixes: false },
      () => undefined,
    );
    const { subject } = made;
    const { facts, axes } = made.prepared;
    const sites = tableSites(subject.graph, axes, (value) => isFloat(facts.values.get(value)?.dtype ?? ''));
    const placeOf = placesInTable(subject.graph, sites);
    const layerOf = (node: GraphNode): number | null => placeOf(node, node.outputs[0] ?? '').layer;
    const looked = await lookAtMasks(job, made, layerOf);
    return {
      schemaVersion: 1,
      model: modelInfo(subject, made.prepared, layerOf),
      staticLook: lookOf(looked),
    };
  } finally {
    await job.close();
  }
}
