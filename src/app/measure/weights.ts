/** Which stored weights hold NaN, read or not. Weights stay in their file; the engine sums them where they are. */
import { TensorProto_DataType } from 'onnx-buf';
import type { NodeProto } from 'onnx-buf';
import type { NaNWeight } from '../../core/diagnose/silent/unreadNanWeight';
import type { Graph } from '../../core/onnx/graph';
import { graphOf } from '../../core/onnx/graph';
import { largest } from '../../core/diagnose/births/family';
import { float32Tensor, int64Tensor } from '../../core/onnx/tensors';
import { floatsOf } from '../../core/probe/floats';
import { freshPrefix, node, untyped } from '../../core/probe/instrument';
import type { EngineJob } from '../ports';
import { encodePlain } from './facts';
import type { Measurement } from './measure';
import { runOnce } from './sessions';

/** Float types of stored weights that the engine can sum, half floats after a cast. */
const summed: ReadonlySet<number> = new Set([
  TensorProto_DataType.FLOAT,
  TensorProto_DataType.DOUBLE,
  TensorProto_DataType.FLOAT16,
]);

/** Initializers that some node reads and that the engine can sum. */
export const storedFloats = (graph: Graph): string[] =>
  [...graph.initializers]
    .filter(([name, tensor]) => summed.has(tensor.dataType) && !tensor.dims.includes(0n) && graph.consumers.has(name))
    .map(([name]) => name);

export interface SickWeights {
  /** Initializers that some node reads and that hold NaN, with the number of NaN per row. */
  readonly nan: readonly NaNWeight[];
  /** Those that hold +Inf; −Inf is what stored masks are made of. */
  readonly infinite: readonly string[];
}

export async function sickWeights(job: EngineJob, measured: Measurement): Promise<SickWeights> {
  const { graph } = measured.target;
  const names = storedFloats(graph);
  // One number for all of them: nearly every model ends here.
  if (names.length === 0 || (await sums(job, measured, names, 'together')).every(Number.isFinite))
    return { nan: [], infinite: [] };
  const each = await sums(job, measured, names, 'apart');
  const holding = async (what: 'NaN' | 'Inf', suspects: readonly string[]): Promise<NaNWeight[]> =>
    (await perRow(job, measured, suspects, what)).filter((weight) => weight.perRow.some((count) => count > 0));
  // +Inf beside −Inf sums to NaN too, and finite numbers may sum to +Inf: so both are counted.
  const nan = await holding(
    'NaN',
    names.filter((_, i) => Number.isNaN(each[i])),
  );
  const infinite = await holding(
    'Inf',
    names.filter((_, i) => !Number.isFinite(each[i])),
  );
  return { nan, infinite: infinite.map(({ name }) => name) };
}

async function sums(
  job: EngineJob,
  measured: Measurement,
  names: readonly string[],
  how: 'together' | 'apart',
): Promise<number[]> {
  const prefix = freshPrefix(measured.target.graph);
  const nodes: NodeProto[] = [];
  const parts = names.map((name, i) => {
    const single = `${prefix}single_${String(i)}`;
    const sum = `${prefix}sum_${String(i)}`;
    nodes.push(
      node('Cast', [name], [single], { to: TensorProto_DataType.FLOAT }),
      node('ReduceSum', [single], [sum], { keepdims: 0 }),
    );
    return sum;
  });
  const total = `${prefix}total`;
  if (how === 'together') nodes.push(node('Sum', parts, [total]));
  return (await runOnWeights(job, measured, names, nodes, how === 'together' ? [total] : parts)).map(
    (tensor) => tensor[0] ?? 0,
  );
}

async function perRow(
  job: EngineJob,
  measured: Measurement,
  names: readonly string[],
  what: 'NaN' | 'Inf',
): Promise<NaNWeight[]> {
  const { graph } = measured.target;
  const prefix = freshPrefix(graph);
  const nodes: NodeProto[] = [];
  const most = `${prefix}most`;
  const initializers = what === 'Inf' ? [float32Tensor(most, [largest('float32')], [])] : [];
  const outputs: string[] = [];
  const shapes = names.map((name) => (graph.initializers.get(name)?.dims ?? []).map(Number));
  for (const [i, name] of names.entries()) {
    const value = (step: string): string => `${prefix}${step}_${String(i)}`;
    const rank = shapes[i]?.length ?? 0;
    nodes.push(
      node('Cast', [name], [value('single')], { to: TensorProto_DataType.FLOAT }),
      ...(what === 'NaN'
        ? [node('IsNaN', [value('single')], [value('test')])]
        : // `IsInf` came later than this.
          [node('Greater', [value('single'), most], [value('test')])]),
      node('Cast', [value('test')], [value('ones')], { to: TensorProto_DataType.FLOAT }),
    );
    if (rank > 1) {
      const axes = Array.from({ length: rank - 1 }, (_, k) => k + 1);
      if (graph.opset >= 13) {
        initializers.push(int64Tensor(value('axes'), axes));
        nodes.push(node('ReduceSum', [value('ones'), value('axes')], [value('rows')], { keepdims: 0 }));
      } else nodes.push(node('ReduceSum', [value('ones')], [value('rows')], { keepdims: 0, axes }));
    }
    outputs.push(value(rank > 1 ? 'rows' : 'ones'));
  }
  const counted = await runOnWeights(job, measured, names, nodes, outputs, initializers);
  return names.map((name, i) => ({ name, shape: shapes[i] ?? [], perRow: Array.from(counted[i] ?? []) }));
}

async function runOnWeights(
  job: EngineJob,
  measured: Measurement,
  names: readonly string[],
  nodes: readonly NodeProto[],
  outputs: readonly string[],
  more: readonly ReturnType<typeof int64Tensor>[] = [],
): Promise<ArrayLike<number>[]> {
  // The engine refuses a model without outputs.
  if (outputs.length === 0) return [];
  const { graph } = measured.target;
  const wanted = new Set(names);
  const original = graphOf(graph.model);
  const { tensors } = await runOnce(
    job,
    measured.target,
    encodePlain({
      ...graph.model,
      functions: [],
      graph: {
        ...original,
        node: [...nodes],
        input: [],
        valueInfo: [],
        sparseInitializer: [],
        initializer: [...original.initializer.filter((tensor) => wanted.has(tensor.name)), ...more],
        output: outputs.map(untyped),
      },
    }),
    { fetch: outputs },
  );
  return outputs.map((output) => {
    const tensor = tensors[output];
    return tensor ? floatsOf(tensor) : [];
  });
}
