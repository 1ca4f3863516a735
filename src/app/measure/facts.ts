/** Step one: what the engine knows of every value (type, shape) once the batch's shapes are fixed. */
import type { ModelProto } from 'onnx-buf';
import { Graph } from '../../core/onnx/graph';
import { modelBytes } from '../../core/onnx/modelBytes';
import { withFloat8Shown } from '../../core/probe/float8';
import { Fences } from '../../core/probe/fences';
import type { RunFacts } from '../../core/onnx/axes/infer';
import type { ValueFacts } from '../../core/probe/instrument';
import { extended, extract, withDeclaredShapes, withInputShapes, withShapes } from '../../core/probe/instrument';
import type { TensorData } from '../../core/tensor';
import type { EngineJob } from '../ports';
import { measuring, runOnce, withSession } from './sessions';

export interface Facts extends RunFacts {
  readonly values: ReadonlyMap<string, ValueFacts>;
  /** The model with every shape of this batch declared; for runs with the same batch. */
  readonly model: ModelProto;
  /** null for a model without float16. */
  readonly fences: Fences | null;
}

export interface Target {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, TensorData>>;
  readonly externalDataFolder: string | undefined;
  /** What makes the engine round float16; null where there is none, or types are not known yet. */
  readonly fences: Fences | null;
}

/** As the person runs it. */
export const encodePlain = (model: ModelProto): Uint8Array => modelBytes(withFloat8Shown(model));

/** As it is to run: every float16 rounded to float16. */
export const encode = (model: ModelProto, { fences }: Pick<Target, 'fences'>): Uint8Array =>
  encodePlain(fences === null ? model : fences.around(model));

/** Integer tensors larger than this are not read back to follow rows by; their axes then stay unknown. */
const largestIndexTensor = 1 << 20;

/**
 * The engine infers all shapes from the batch's; what it leaves open (data-dependent shapes, mostly) is read from
 * a run. Integer tensors that choose rows are read from the same run.
 */
export async function gatherFacts(job: EngineJob, target: Omit<Target, 'fences'>): Promise<Facts> {
  const { graph } = target;
  const shapes = Object.fromEntries(Object.entries(target.inputs).map(([name, tensor]) => [name, tensor.dims]));
  const produced = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));
  const fixed = withInputShapes(graph.model, shapes);
  const asked = encodePlain(extended(fixed, { outputs: produced }));
  const session = await withSession(job, asked, measuring(target), (info) => Promise.resolve(info));
  const values = new Map<string, ValueFacts>();
  for (const [name, tensor] of Object.entries(target.inputs))
    values.set(name, { dtype: tensor.dtype, shape: tensor.dims });
  const open: string[] = [];
  const wantedInts = new Set(rowChoosers(graph));
  const ints = new Map<string, readonly number[]>();
  for (const [name, tensor] of Object.entries(target.inputs)) {
    if (wantedInts.has(name) && isInteger(tensor.dtype)) ints.set(name, Array.from(tensor.data, Number));
  }
  const dtypes = new Map(session.outputs.map((output) => [output.name, output.dtype]));
  const fences = Fences.of(graph.model, dtypes);
  for (const output of session.outputs) {
    if (output.dtype === 'non-tensor') continue;
    if (isConcrete(output.dims)) values.set(output.name, { dtype: output.dtype, shape: output.dims });
    else open.push(output.name);
  }
  const readable = [...wantedInts].filter((name) => {
    const size = values.get(name)?.shape.reduce((a, b) => a * b, 1);
    return (
      graph.producer.has(name) &&
      isInteger(dtypes.get(name) ?? '') &&
      (size === undefined || size <= largestIndexTensor)
    );
  });
  if (open.length > 0 || readable.length > 0) {
    const part = extract(new Graph(withDeclaredShapes(fixed, values)), [...open, ...readable]);
    const shaped = withShapes(new Graph(part), open);
    const model = extended(shaped.model, { outputs: readable });
    const { tensors } = await runOnce(job, target, encode(model, { fences }), {
      fetch: [...shaped.outputs.values(), ...readable],
    });
    for (const [value, output] of shaped.outputs) {
      const shape = tensors[output];
      if (shape) values.set(value, { dtype: dtypes.get(value) ?? '', shape: Array.from(shape.data, Number) });
    }
    for (const name of readable) {
      const tensor = tensors[name];
      if (tensor) ints.set(name, Array.from(tensor.data, Number));
    }
  }
  return {
    values,
    model: withDeclaredShapes(fixed, values),
    fences,
    shape: (value) => values.get(value)?.shape ?? null,
    ints: (value) => ints.get(value) ?? null,
  };
}

const isInteger = (dtype: string): boolean => dtype === 'int64' || dtype === 'int32';
/** The binding gives `[]` both for a scalar and for an unknown rank: those are asked for in a run. */
const isConcrete = (dims: readonly (number | string)[]): dims is readonly number[] =>
  dims.length > 0 && dims.every((dim) => typeof dim === 'number' && dim >= 0);

/** Inputs that say which rows are taken: indices, and the bounds of slices. Constants are known without a run. */
function rowChoosers(graph: Graph): string[] {
  const found: string[] = [];
  for (const node of graph.nodes) {
    let slots: readonly number[] = [];
    if (node.op === 'Slice') slots = [1, 3, 4];
    else if (node.op === 'Gather' || node.op === 'GatherND') slots = [1];
    else if (node.op === 'CumSum' || node.op.startsWith('Reduce')) slots = [1];
    for (const slot of slots) {
      const input = node.inputs[slot];
      if (input !== undefined && input !== '' && !graph.isConstant(input)) found.push(input);
    }
  }
  return found;
}
