/** One more run where an infinity made NaN: the extremes of every tensor on the way to the infinite operand. */
import type { Extremes } from '../../core/diagnose/infinity';
import { infiniteBirth, infiniteOperands, infinityText } from '../../core/diagnose/infinity';
import type { NodeProto } from 'onnx-buf';
import { TensorProto_DataType } from 'onnx-buf';
import { NanoscopeError } from '../../core/errors';
import { dtypeOf } from '../../core/onnx/tensors';
import { floatsOf } from '../../core/probe/floats';
import { extended, freshPrefix, isFloat, leadingTo, node } from '../../core/probe/instrument';
import type { Origin } from '../../core/report';
import type { EngineJob } from '../ports';
import { encode } from './facts';
import type { Measurement } from './measure';
import { runOnce } from './sessions';

/** Tensors that are looked at in one run. Beyond, the way back is longer than a sentence can tell. */
const most = 2000;

/** @param measured what was looked at, branches opened. */
export async function withInfinities(
  job: EngineJob,
  measured: Measurement,
  origins: readonly Origin[],
): Promise<readonly Origin[]> {
  const { graph } = measured.target;
  const births = origins.flatMap((origin) => infiniteBirth(graph, origin) ?? []);
  if (births.length === 0) return origins;
  const { reads } = leadingTo(
    graph,
    births.flatMap(({ node: { inputs } }) => inputs),
    () => false,
  );
  const values = [...reads].filter((value) => isFloat(typeOf(measured, value)));
  if (values.length > most) return origins;
  const extremes = await extremesOf(job, measured, values);
  return origins.map((origin) => {
    const born = infiniteBirth(graph, origin);
    const found = born === null ? [] : infiniteOperands(graph, born, extremes);
    if (found.length === 0) return origin;
    const evidence = { ...origin.evidence, infinite: found };
    return { ...origin, evidence, explanation: `${origin.explanation} ${infinityText(found, origin)}`.trimEnd() };
  });
}

function typeOf({ facts, target: { graph } }: Measurement, value: string): string {
  const stored = graph.initializers.get(value);
  return facts.values.get(value)?.dtype ?? (stored && dtypeOf(stored.dataType)) ?? graph.constant(value)?.dtype ?? '';
}

/** Tensors stay where they are; two numbers of each travel. */
async function extremesOf(
  job: EngineJob,
  measured: Measurement,
  values: readonly string[],
): Promise<ReadonlyMap<string, Extremes>> {
  const { target } = measured;
  const prefix = freshPrefix(target.graph, 'extremes');
  const nodes: NodeProto[] = [];
  const names = values.map((value, i) => {
    const name = (step: string): string => `${prefix}${step}_${String(i)}`;
    const narrow = !['float32', 'float64'].includes(typeOf(measured, value));
    // The engine's ReduceMax knows no half floats.
    if (narrow) nodes.push(node('Cast', [value], [name('wide')], { to: TensorProto_DataType.FLOAT }));
    const source = narrow ? name('wide') : value;
    nodes.push(
      node('ReduceMin', [source], [name('least')], { keepdims: 0 }),
      node('ReduceMax', [source], [name('largest')], { keepdims: 0 }),
    );
    return { value, least: name('least'), largest: name('largest') };
  });
  const outputs = names.flatMap(({ least, largest }) => [least, largest]);
  try {
    const model = extended(target.graph.model, { nodes, outputs, onlyThese: true });
    const { tensors } = await runOnce(job, target, encode(model, target), { fetch: outputs });
    const numberOf = (name: string): number => {
      const tensor = tensors[name];
      return (tensor && floatsOf(tensor)[0]) ?? NaN;
    };
    return new Map(
      names.flatMap(({ value, ...own }) => {
        const [least, largest] = [numberOf(own.least), numberOf(own.largest)];
        return Number.isNaN(least) || Number.isNaN(largest) ? [] : [[value, { least, largest }] as const];
      }),
    );
  } catch (error) {
    // What the engine does not run here is not worth failing a diagnosis that stands.
    if (error instanceof NanoscopeError && error.code === 'engine-failed') return new Map();
    throw error;
  }
}
