/** ONNX Runtime in this process, without any code of the product: what a plain run gives. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import type { DType, TensorBytes, TensorData } from '../../../src/core/tensor';
import type { OperatorGraph } from './build';

const fetchable: ReadonlySet<string> = new Set(
  'float32 float64 float16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool'.split(' '),
);

/**
 * @param everything all values of the main graph, not only its outputs.
 * @returns tensors by name; lists and types that JavaScript has no array for are left out.
 */
export async function plainRun(
  { model, prepackingMatters }: Pick<OperatorGraph, 'model' | 'prepackingMatters'>,
  feeds: Readonly<Record<string, TensorData>>,
  everything = false,
): Promise<Map<string, TensorData>> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const ort = await import('onnxruntime-node');
  const proto = fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, model));
  const graph = proto.graph;
  if (!graph) throw new Error('the model has a graph');
  if (everything) {
    const known = new Set(graph.output.map((output) => output.name));
    for (const name of graph.node.flatMap((node) => node.output)) {
      if (name === '' || known.has(name)) continue;
      known.add(name);
      graph.output.push(create(ValueInfoProtoSchema, { name }));
    }
  }
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, proto), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
    ...(prepackingMatters && { extra: { session: { disable_prepacking: '1' } } }),
  });
  try {
    const fetched = session.outputMetadata.flatMap((meta) =>
      meta.isTensor && fetchable.has(meta.type) ? [meta.name] : [],
    );
    const results = await session.run(
      Object.fromEntries(
        Object.entries(feeds).map(([name, { dtype, dims, data }]) => [
          name,
          new ort.Tensor(dtype as 'float32', data as Float32Array, [...dims]),
        ]),
      ),
      [...new Set(fetched)],
    );
    return new Map(
      Object.entries(results).map(([name, own]) => [
        name,
        { dtype: own.type as DType, dims: [...own.dims], data: own.data as TensorBytes },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** Whether an element is NaN; float16 by its bits. */
export function isNaNAt({ dtype, data }: TensorData, i: number): boolean {
  const own = data[i];
  if (dtype === 'float16') return (Number(own) & 0x7c00) === 0x7c00 && (Number(own) & 0x03ff) !== 0;
  return typeof own === 'number' && Number.isNaN(own);
}

/** Bit for bit, any NaN equal to any NaN. */
export function bitEqual(a: TensorData, b: TensorData): boolean {
  if (a.dtype !== b.dtype || a.dims.join() !== b.dims.join() || a.data.length !== b.data.length) return false;
  for (let i = 0; i < a.data.length; i += 1) {
    if (!Object.is(a.data[i], b.data[i]) && !(isNaNAt(a, i) && isNaNAt(b, i))) return false;
  }
  return true;
}
