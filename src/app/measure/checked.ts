/** What a run knows of the causes that people suspect first; `core/diagnose/ruledOut` says which it refutes. */
import { ruledOut } from '../../core/diagnose/ruledOut';
import { positionPlace } from '../../core/onnx/axes/types';
import { floatsOf } from '../../core/probe/floats';
import { isFloat } from '../../core/probe/instrument';
import type { AttentionInfo, Origin, RuledOut } from '../../core/report';
import type { TensorData } from '../../core/tensor';
import type { Measurement } from './measure';
import type { SickWeights } from './weights';
import { storedFloats } from './weights';

/** @param roles by sequence; position ids count on the first. */
export function ruledOutBy(
  measured: Measurement,
  attention: readonly AttentionInfo[],
  origins: readonly Origin[],
  weights: SickWeights,
  roles: readonly (readonly string[])[],
): RuledOut[] {
  const { target } = measured;
  const floats = Object.entries(target.inputs).filter(([, tensor]) => isFloat(tensor.dtype));
  return ruledOut({
    attention,
    origins,
    weights: storedFloats(target.graph).length,
    nanWeights: weights.nan.map((weight) => weight.name),
    infiniteWeights: weights.infinite,
    floatInputs: floats.map(([name]) => name),
    nanInputs: floats.filter(([, tensor]) => Array.from(floatsOf(tensor)).some(Number.isNaN)).map(([name]) => name),
    collectives: target.graph.nodes.filter((node) => /^(All(Reduce|Gather|ToAll)|Distributed)/.test(node.op)).length,
    positionIds: positionIds(measured, roles[0] ?? []),
    padded: roles.flat().some((text) => text.includes('p')),
  });
}

function positionIds(
  measured: Measurement,
  roles: readonly string[],
): { readonly first: number; readonly consecutive: boolean }[] | null {
  const found = Object.entries(measured.target.inputs).find(([name]) => /^position_ids?$/.test(name));
  const axes = found && measured.inputAxes.get(found[0]);
  if (!found || !axes) return null;
  const [, tensor] = found;
  const place = positionPlace(axes);
  // [samples, positions], or one row for all samples.
  if (place?.axis !== tensor.dims.length - 1) return null;
  return roles.map((text, sample) => firstAndSteps(tensor, text, sample)).filter((entry) => entry !== null);
}

function firstAndSteps(
  tensor: TensorData,
  roles: string,
  sample: number,
): { readonly first: number; readonly consecutive: boolean } | null {
  const width = roles.length;
  const row = tensor.data.length >= (sample + 1) * width ? sample : 0;
  const ids = Array.from(roles).flatMap((role, position) =>
    role === 'r' ? [Number(tensor.data[row * width + position])] : [],
  );
  const [first] = ids;
  return first === undefined ? null : { first, consecutive: ids.every((id, i) => id === first + i) };
}
