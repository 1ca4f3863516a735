/** Every value of a model, fetched outright from ONNX Runtime in this process: no probe, no product code. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import type { Tensor } from './reads';

export interface Fed {
  readonly dtype: 'float32' | 'int64' | 'bool';
  readonly dims: readonly number[];
  readonly data: Float32Array | BigInt64Array | Uint8Array;
}

const numbers = (data: ArrayLike<number | bigint | boolean>): number[] => Array.from(data, Number);

/** @returns graph inputs, initializers (float32 and int64, raw or not) and all node outputs, by name. */
export async function everyValue(
  model: ModelProto,
  feeds: Readonly<Record<string, Fed>>,
): Promise<Map<string, Tensor>> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const ort = await import('onnxruntime-node');
  const proto = fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, model));
  const graph = proto.graph!;
  const known = new Set(graph.output.map((output) => output.name));
  const produced = graph.node.flatMap((node) => node.output.filter((name) => name !== ''));
  for (const name of produced) if (!known.has(name)) graph.output.push(create(ValueInfoProtoSchema, { name }));
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, proto), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const values = new Map<string, Tensor>();
  try {
    const results = await session.run(
      Object.fromEntries(
        Object.entries(feeds).map(([name, { dtype, dims, data }]) => [name, new ort.Tensor(dtype, data, [...dims])]),
      ),
    );
    for (const name of produced) {
      const tensor = results[name]!;
      values.set(name, { dims: [...tensor.dims], data: numbers(tensor.data as ArrayLike<number | bigint>) });
    }
  } finally {
    await session.release();
  }
  for (const [name, { dims, data }] of Object.entries(feeds)) values.set(name, { dims, data: numbers(data) });
  for (const tensor of graph.initializer) {
    const bytes = tensor.rawData.slice().buffer;
    const data =
      tensor.dataType === 7
        ? new BigInt64Array(bytes)
        : tensor.dataType === 9
          ? new Uint8Array(bytes)
          : new Float32Array(bytes);
    values.set(tensor.name, { dims: tensor.dims.map(Number), data: numbers(data) });
  }
  return values;
}
