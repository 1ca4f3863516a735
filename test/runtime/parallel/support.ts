/** A built-in model in one process and in several, value by value. */
import { buildModel } from '../../../src/core/models';
import { encode, gatherFacts } from '../../../src/app/measure/facts';
import { runOnce } from '../../../src/app/measure/sessions';
import { arranged, type Whole } from '../../../src/app/parallel/arrange';
import { runChains, type Arrangement, type Ran } from '../../../src/app/parallel/chains';
import type { Engine } from '../../../src/app/ports';
import { axesOfInputs, makeFeeds, openSubject } from '../../../src/app/subject';
import type { DiagnoseEvents } from '../../../src/app/useCases';
import { defaultLengths } from '../../../src/core/batch/make';
import { Graph } from '../../../src/core/onnx/graph';
import type { Parallel } from '../../../src/core/parallel/settings';

import { extended, isFloat } from '../../../src/core/probe/instrument';
import type { TensorData } from '../../../src/core/tensor';
import { tableSites } from '../../../src/core/trace/sites';
import { inferAxes } from '../../../src/core/onnx/axes/infer';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';

export interface Known {
  readonly whole: Whole;
  readonly inputs: Readonly<Record<string, TensorData>>;
  /** Outputs and every tensor that the table has a row of, as one run of the model as it is built gives them. */
  readonly expected: ReadonlyMap<string, TensorData>;
}

/** @param model `builtin:…` or a path */
export async function known(engine: Engine, model: string, pad: 'left' | 'right' = 'left'): Promise<Known> {
  const subject = await openSubject(nodeFiles, model);
  const lengths = { ...defaultLengths(subject.inputs), lengths: [5, 35], pad };
  const batch = await makeFeeds(nodeFiles, subject, { lengths });
  const { inputs } = batch;
  const externalDataFolder = subject.loaded.externalDataFolder;
  const job = engine.start();
  try {
    const facts = await gatherFacts(job, { graph: subject.graph, inputs, externalDataFolder });
    const graph = new Graph(facts.model);
    const axes = inferAxes(graph, axesOfInputs(subject, batch), facts);
    const sites = tableSites(graph, axes, (value) => isFloat(facts.values.get(value)?.dtype ?? ''));
    const rows = [...new Set(sites.map(({ tensor }) => tensor))].filter((name) => graph.producer.has(name));
    const outputs = [...new Set([...rows, ...graph.outputs])];
    const plain = extended(subject.loaded.proto, { outputs });
    const { tensors } = await runOnce(job, { inputs, externalDataFolder }, encode(plain, { fences: null }), {
      fetch: outputs,
    });
    return {
      whole: { model, graph, facts: facts.values, externalDataFolder, outputs, rows: [] },
      inputs,
      expected: new Map(Object.entries(tensors)),
    };
  } finally {
    await job.close();
  }
}

export const run = (
  engine: Engine,
  { whole, inputs }: Known,
  how: Parallel | Arrangement,
  onProgress?: DiagnoseEvents['onProgress'],
  signal?: AbortSignal,
): Promise<Ran[]> =>
  runChains(
    engine,
    'chains' in how ? how : arranged(whole, how),
    { inputs, outputs: new Set(whole.outputs), rows: new Map(), fences: null },
    onProgress ? { onProgress } : {},
    signal,
  );

/** Where two tensors differ: NaN at other elements, or finite numbers by how much at most. */
export function distance(one: TensorData, other: TensorData): { readonly sameNaN: boolean; readonly most: number } {
  let sameNaN = one.dims.join() === other.dims.join();
  let most = 0;
  for (let i = 0; i < one.data.length; i += 1) {
    const [a, b] = [Number(one.data[i]), Number(other.data[i])];
    if (Number.isNaN(a) !== Number.isNaN(b)) sameNaN = false;
    else if (!Number.isNaN(a)) most = Math.max(most, Math.abs(a - b));
  }
  return { sameNaN, most };
}

/** Bytes of a built-in model's float weights by name. */
export function weightsOf(model: string): ReadonlyMap<string, number> {
  const { proto } = buildModel(model);
  const float32 = 1;
  return new Map(
    (proto.graph?.initializer ?? [])
      .filter(({ dataType }) => dataType === float32)
      .map(({ name, dims }) => [name, 4 * dims.reduce((a, b) => a * Number(b), 1)]),
  );
}
