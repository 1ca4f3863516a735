/** Runs built-in models in ONNX Runtime and in PyTorch on the same batches and compares every module's output. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import type { ModelProto } from 'onnx-buf';
import { makeBatch } from '../../../src/core/batch/make';
import { readNpz, writeNpz } from '../../../src/core/batch/npz';
import type { InputSpec, PadSide } from '../../../src/core/batch/types';
import { buildModel, parseBuiltin, serializeModel } from '../../../src/core/models';
import type { ParsedBuiltin } from '../../../src/core/models';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { python } from '../../support/python';
import { runOnnx } from './onnx';
import type { Fetched } from './onnx';

export interface Case {
  readonly uri: string;
  readonly lengths: readonly number[];
  readonly pad: PadSide;
  /** Lengths of an encoder's sequence where they differ from the decoder's. */
  readonly memory?: readonly number[];
}

export const nameOf = ({ uri, lengths, pad, memory }: Case): string =>
  `${uri}, ${memory === undefined ? '' : `${memory.join(' and ')} to `}${lengths.join(' and ')}, padding: ${pad}`;

export interface Compared {
  readonly onnx: ReadonlyMap<string, Fetched>;
  /** What PyTorch computed, by the graph's tensor name. */
  readonly torch: ReadonlyMap<string, Fetched>;
  /** Largest absolute difference where both are numbers, and where it is. */
  readonly worst: number;
  readonly worstAt: string;
  /** Tensors in which one side has NaN where the other has none. */
  readonly nanDiffers: readonly string[];
  /** The batch, as an inputs file that lives as long as the test file runs. */
  readonly inputsFile: string;
}

export interface Agreement {
  readonly of: (one: Case) => Compared;
  /** A folder that is gone when the test file ends. */
  readonly folder: () => string;
}

type TensorOf = (module: string, options: ParsedBuiltin['options']) => string;

/**
 * @param reference file name of the PyTorch script among the fixtures
 * @param tensorOf the tensor in which the graph computes a module of the reference; `''` for none
 */
export function agreement(reference: string, tensorOf: TensorOf, cases: readonly Case[]): Agreement {
  const script = fileURLToPath(new URL(`../../fixtures/builtin/${reference}`, import.meta.url));
  const compared = new Map<string, Compared>();
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nanoscope-models-'));
    const args: string[] = [];
    const prepared = [];
    for (const [i, one] of cases.entries()) {
      const stem = join(folder, `case${String(i)}`);
      const { proto } = buildModel(one.uri);
      const files = { model: `${stem}.onnx`, inputs: `${stem}.inputs.npz`, out: `${stem}.out.npz` };
      const inputs = batchFor(proto, one);
      await writeFile(files.model, serializeModel(proto));
      await writeFile(files.inputs, writeNpz(inputs));
      args.push(files.model, files.inputs, files.out, JSON.stringify(parseBuiltin(one.uri).options));
      prepared.push({ one, files, inputs });
    }
    await python([script, ...args]);
    for (const { one, files, inputs } of prepared) {
      const expected = readNpz('out.npz', await readFile(files.out));
      const { options } = parseBuiltin(one.uri);
      const tensor = (module: string): string => tensorOf(module, options);
      const result = await compare(await readFile(files.model), inputs, expected, tensor);
      compared.set(nameOf(one), { ...result, inputsFile: files.inputs });
    }
  }, 180_000);

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  return {
    of: (one) => {
      const found = compared.get(nameOf(one));
      if (found === undefined) throw new Error(`${nameOf(one)} was not run`);
      return found;
    },
    folder: () => folder,
  };
}

type Inputs = Readonly<Record<string, TensorData>>;

function batchFor(proto: ModelProto, { lengths, memory, pad }: Case): Inputs {
  const specs = (proto.graph?.input ?? []).map(({ name, type }): InputSpec => {
    const dims = type?.value.case === 'tensorType' ? (type.value.value.shape?.dim ?? []) : [];
    return { name, dtype: 'int64', dims: dims.map((dim) => String(dim.value.value)) };
  });
  const make = (some: readonly InputSpec[], of: readonly number[]): Inputs => {
    const idBounds = Object.fromEntries(some.map(({ name }) => [name, 256]));
    return makeBatch(some, { lengths: of, pad, seed: 7 }, { idBounds }).inputs;
  };
  const isTarget = ({ name }: InputSpec): boolean => memory === undefined || name.startsWith('decoder_');
  const inputs = {
    ...make(specs.filter(isTarget), lengths),
    ...(memory === undefined
      ? {}
      : make(
          specs.filter((spec) => !isTarget(spec)),
          memory,
        )),
  };
  const segments = inputs.token_type_ids;
  if (!segments) return inputs;
  // A made batch has one segment only; two tell whether the model looks at them.
  const data = BigInt64Array.from({ length: segments.data.length }, (_, i) => BigInt(Number(i % 5 > 2)));
  return { ...inputs, token_type_ids: { ...segments, data } };
}

/** Positions with a NaN per sample, of a [batch, position, …] tensor. */
export function nanPositionsOf({ dims, data }: Fetched): number[][] {
  const [samples = 0, length = 0] = dims;
  const width = data.length / (samples * length);
  const isNaNAt = (row: number): boolean => data.subarray(row * width, (row + 1) * width).some(Number.isNaN);
  return Array.from({ length: samples }, (_, sample) =>
    Array.from({ length }, (_position, i) => i).filter((i) => isNaNAt(sample * length + i)),
  );
}

/** `"0-3,7"` → 0, 1, 2, 3, 7: how a report writes positions, read without the product's own code. */
const positionsIn = (text: string): number[] =>
  text
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [from = 0, to = from] = part.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });

/**
 * Rows of a report's table whose NaN positions are not those of PyTorch, and modules of the reference without a
 * row: both lists are empty where the table is right.
 *
 * @param inside tensors inside of a stage, which have no row of their own
 */
export function tableAgainst(
  { torch }: Compared,
  report: Report,
  inside: RegExp | null,
): { wrong: string[]; missing: string[] } {
  const rows = report.table.filter((row) => row.port === 'out');
  const wrong: string[] = [];
  const missing: string[] = [];
  for (const [tensor, fetched] of torch) {
    if (fetched.dims.length !== 3 || inside?.test(tensor) === true) continue;
    const row = rows.find((one) => one.tensor === tensor);
    const told = row?.samples?.map((sample) => positionsIn(sample.nanAt));
    if (!row) missing.push(tensor);
    else if (JSON.stringify(told) !== JSON.stringify(nanPositionsOf(fetched))) wrong.push(tensor);
  }
  return { wrong, missing };
}

async function compare(
  model: Uint8Array,
  inputs: Inputs,
  expected: Inputs,
  tensorOf: (module: string) => string,
): Promise<Omit<Compared, 'inputsFile'>> {
  const torch = new Map<string, Fetched>();
  for (const [module, { dims, data }] of Object.entries(expected)) {
    const name = tensorOf(module);
    if (name === '') continue;
    if (!(data instanceof Float32Array)) throw new Error(`${module} is not float32`);
    torch.set(name, { dims, data });
  }
  const onnx = await runOnnx(model, inputs, [...torch.keys()]);
  let [worst, worstAt] = [0, ''];
  const nanDiffers: string[] = [];
  for (const [name, want] of torch) {
    const got = onnx.get(name);
    if (got?.dims.join() !== want.dims.join()) {
      throw new Error(`${name} has the shape ${String(got?.dims)} in the graph and ${String(want.dims)} in PyTorch`);
    }
    got.data.forEach((value, i) => {
      const other = want.data[i] ?? Number.NaN;
      if (Number.isNaN(value) !== Number.isNaN(other)) {
        if (!nanDiffers.includes(name)) nanDiffers.push(name);
      } else if (Math.abs(value - other) > worst) {
        [worst, worstAt] = [Math.abs(value - other), name];
      }
    });
  }
  return { onnx, torch, worst, worstAt, nanDiffers };
}
