/** Runs a model in ONNX Runtime directly, without the product's own engine: the tests compare models, not engines. */
import { fromBinary, toBinary, create } from '@bufbuild/protobuf';
import { ModelProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import type { TensorData } from '../../../src/core/tensor';

export interface Fetched {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Feeds int64 inputs and gives the named float32 tensors, inner ones included. */
export async function runOnnx(
  model: Uint8Array,
  feeds: Readonly<Record<string, TensorData>>,
  fetch: readonly string[],
): Promise<ReadonlyMap<string, Fetched>> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const ort = await import('onnxruntime-node');
  const proto = fromBinary(ModelProtoSchema, model);
  const outputs = proto.graph?.output ?? [];
  for (const name of fetch) {
    if (!outputs.some((output) => output.name === name)) {
      outputs.push(create(ValueInfoProtoSchema, { name }));
    }
  }
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, proto), {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const tensors = Object.entries(feeds).map(([name, { dims, data }]) => {
      if (!(data instanceof BigInt64Array)) {
        throw new Error(`${name} is not int64`);
      }
      return [name, new ort.Tensor('int64', data, [...dims])] as const;
    });
    const results = await session.run(Object.fromEntries(tensors), [...fetch]);
    return new Map(
      fetch.map((name) => {
        const tensor = results[name];
        if (tensor === undefined || !(tensor.data instanceof Float32Array)) {
          throw new Error(`${name} did not come back as float32`);
        }
        // Outputs live in the session's memory, which `release` frees.
        return [name, { dims: tensor.dims, data: tensor.data.slice() }] as const;
      }),
    );
  } finally {
    await session.release();
  }
}

/** Number of positions with a NaN, per sample, of a [batch, position, …] tensor. */
export function nanPositions({ dims, data }: Fetched): number[] {
  const [batch = 0, length = 0] = dims;
  const width = data.length / (batch * length);
  return Array.from({ length: batch }, (_, b) => {
    const rows = Array.from({ length }, (_, s) =>
      data.subarray((b * length + s) * width, (b * length + s + 1) * width),
    );
    return rows.filter((row) => row.some(Number.isNaN)).length;
  });
}
