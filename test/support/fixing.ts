/**
 * Fixes tried outside of the product's own tournament: planned on a real diagnosis, applied to a copy, run in ONNX
 * Runtime directly, and compared with each sample run alone.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clone, toBinary } from '@bufbuild/protobuf';
import type { ModelProto } from 'onnx-buf';
import { ModelProtoSchema } from 'onnx-buf';
import { runDiagnosis } from '../../src/app/diagnose';
import type { DiagnoseRequest } from '../../src/app/useCases';
import { writeNpz } from '../../src/core/batch/npz';
import { floatsOf } from '../../src/core/probe/floats';
import { applyEdits, invert } from '../../src/core/onnx/edit';
import type { Fix, FixContext, FixPlan } from '../../src/core/fix/types';
import type { EngineLevel, Report } from '../../src/core/report';
import type { DType, TensorData } from '../../src/core/tensor';
import { sampleAlone, realPositions } from '../../src/core/verify/alone';
import { fixes, traps } from '../../src/core/fix';
import { realDeps } from './diagnosing';

export interface Patient {
  readonly context: FixContext;
  readonly proto: ModelProto;
  readonly inputs: Readonly<Record<string, TensorData>>;
  readonly report: Report;
  /** Inputs of a sample without its padding. */
  alone(sample: number): Record<string, TensorData>;
  /** By sequence, then sample: places that are real. */
  real(sample: number): readonly (readonly number[])[];
}

export async function patient(request: Partial<DiagnoseRequest> & { readonly model: string }): Promise<Patient> {
  const deps = await realDeps();
  const job = deps.engine.start();
  try {
    const found = await runDiagnosis(job, deps, { userLevel: 'disabled', ...request, fixes: false }, {});
    const { context, measured, report } = found;
    const { roles, memory } = report.batch;
    const all = memory ? [roles, memory.roles] : [roles];
    const real = (sample: number): number[][] => realPositions(all, sample);
    return {
      context,
      proto: context.graph.model,
      inputs: measured.target.inputs,
      report,
      alone: (sample) => sampleAlone(measured.target.inputs, measured.inputAxes, sample, real(sample), 1),
      real,
    };
  } finally {
    await job.close();
  }
}

/** The same of a model of the test's own, which keeps its weights inside; nothing is left of it on disk. */
export async function patientOf(
  proto: ModelProto,
  inputs: Readonly<Record<string, TensorData>> | null,
  request: Partial<DiagnoseRequest> = {},
): Promise<Patient> {
  const folder = await mkdtemp(join(tmpdir(), 'nanoscope-fix-'));
  try {
    const model = join(folder, 'model.onnx');
    const inputsFile = join(folder, 'inputs.npz');
    await writeFile(model, bytesOf(proto));
    if (inputs !== null) await writeFile(inputsFile, writeNpz(inputs));
    return { ...(await patient({ model, ...(inputs !== null && { inputsFile }), ...request })), proto };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function fixNamed(id: string): Fix {
  const fix = [...fixes, ...traps].find((entry) => entry.id === id);
  if (!fix) throw new Error(`no fix ${id}`);
  return fix;
}

export const bytesOf = (proto: ModelProto): Uint8Array => toBinary(ModelProtoSchema, proto);

/** The model with a plan's edits, after a check that their inverse gives the very bytes back. */
export function patched(proto: ModelProto, plan: FixPlan): ModelProto {
  if (!plan.applies) throw new Error(plan.reason);
  const before = Buffer.from(bytesOf(proto));
  const copy = clone(ModelProtoSchema, proto);
  applyEdits(copy, plan.edits);
  const back = clone(ModelProtoSchema, copy);
  applyEdits(back, invert(plan.edits));
  if (!Buffer.from(bytesOf(back)).equals(before)) throw new Error('apply and invert did not give the same bytes back');
  return copy;
}

export interface Ran {
  readonly dims: readonly number[];
  /** As numbers, whatever the type. */
  readonly data: Float64Array;
}

/** Runs a model in ONNX Runtime; float outputs only. */
export async function run(
  model: Uint8Array,
  feeds: Readonly<Record<string, TensorData>>,
  level: EngineLevel = 'disabled',
): Promise<Readonly<Record<string, Ran>>> {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const ort = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: level,
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
    // Big weights of a slim model lie in the user's file, at a path from here.
    extra: { session: { model_external_initializers_file_folder_path: '/' } },
  });
  try {
    const tensors = Object.fromEntries(
      Object.entries(feeds)
        .filter(([name]) => session.inputNames.includes(name))
        .map(([name, { dtype, dims, data }]) => [name, new ort.Tensor(dtype as 'float32', data as Float32Array, dims)]),
    );
    const results = await session.run(tensors);
    return Object.fromEntries(
      Object.entries(results).flatMap(([name, { type, dims, data }]) =>
        ['float32', 'float64', 'float16'].includes(type)
          ? [[name, { dims, data: Float64Array.from(floatsOf(asTensor(type, dims, data))) }] as const]
          : [],
      ),
    );
  } finally {
    await session.release();
  }
}

const asTensor = (type: string, dims: readonly number[], data: unknown): TensorData => ({
  dtype: type as DType,
  dims,
  // Outputs live in the session's memory, which `release` frees.
  data: (data as Float32Array).slice(),
});

export interface Outcome {
  /** Positions of output `name` with NaN, by sample. */
  readonly nan: readonly number[];
  readonly realNaN: number;
  /** Of real tokens, from each sample alone. */
  readonly difference: number;
}

/** One output [batch, position, …] of the padded run beside the samples run alone. */
export async function outcome(who: Patient, model: ModelProto, level: EngineLevel = 'disabled'): Promise<Outcome> {
  const name = who.context.graph.outputs.find((value) => who.context.axes.of(value)?.length === 3) ?? '';
  const padded = (await run(bytesOf(model), who.inputs, level))[name];
  if (!padded) throw new Error(`no output ${name}`);
  const [samples = 0, positions = 0] = padded.dims;
  const width = padded.data.length / (samples * positions);
  const row = (from: Ran, at: number): Float64Array => from.data.subarray(at * width, (at + 1) * width);
  const nan: number[] = [];
  let realNaN = 0;
  let difference = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    const rows = Array.from({ length: positions }, (_, position) => row(padded, sample * positions + position));
    nan.push(rows.filter((own) => own.some(Number.isNaN)).length);
    const real = who.real(sample)[0] ?? [];
    if (real.length === 0) continue;
    realNaN += real.filter((position) => rows[position]?.some(Number.isNaN)).length;
    const alone = (await run(bytesOf(who.proto), who.alone(sample)))[name];
    if (!alone) throw new Error(`no output ${name}`);
    for (const [i, position] of real.entries()) {
      const own = row(alone, i);
      for (const [k, value] of (rows[position] ?? []).entries()) {
        const apart = Math.abs(value - (own[k] ?? NaN));
        difference = Number.isNaN(apart) ? NaN : Math.max(difference, apart);
      }
    }
  }
  return { nan, realNaN, difference };
}
