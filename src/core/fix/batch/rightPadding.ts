import type { Factor, TensorAxes } from '../../onnx/axes/types';
import type { TensorData } from '../../tensor';
import { allocate, elementCount } from '../../tensor';
import { numbersColumns } from '../../verify/alone';
import { isPadded } from './padded';
import type { BatchContext, BatchFix } from './types';

/** Real tokens first, padding after them; everything that has positions moves with them. */
export const rightPadding: BatchFix = {
  id: 'right-padding',
  title: 'Pad at the right',
  effect:
    'Real tokens stand first, so a causal row always has a key; pad tokens come after them and nobody reads what they give. ' +
    'Generation continues after the last real token of each sample, not at the end of the row.',
  plan(context) {
    const { roles, inputs, axes } = context;
    if (!isPadded(context)) return { applies: false, reason: 'The batch has no padding.' };
    if (roles.every((samples) => samples.every((role) => /^r*p*$/.test(role))))
      return { applies: false, reason: 'All padding is at the right already.' };
    if (Object.keys(inputs).some((name) => axes.get(name)?.flat().some(isPart) === true))
      return { applies: false, reason: 'New tokens cannot stand before what the cache holds of its padding.' };
    const feeds: Record<string, TensorData> = {};
    for (const [name, tensor] of Object.entries(inputs)) {
      const own = numbersColumns(name, tensor, axes.get(name)) ? tensor : moved(context, tensor, axes.get(name) ?? []);
      if (own === null)
        return {
          applies: false,
          reason: `${name} holds positions for all samples at once, which are padded differently.`,
        };
      feeds[name] = own;
    }
    const movedRoles = roles.map((samples) => samples.map((role) => Array.from(role).sort().reverse().join('')));
    const samples = roles[0]?.map((_, sample) => sample) ?? [];
    return {
      applies: true,
      runs: [{ feeds, samples, layout: { kind: 'padded', roles: movedRoles } }],
      note: 'Tokens, mask and position ids move together.',
    };
  },
};

/** Some of the positions only: the new tokens behind a past. */
const isPart = ({ kind, positions }: Factor): boolean => kind === 'position' && positions !== null;

/** Where each position of a sample comes from: real ones first, each group in its order. */
function orderOf(role: string): number[] {
  const places = Array.from(role, (_, position) => position);
  return [...places.filter((at) => role[at] === 'r'), ...places.filter((at) => role[at] !== 'r')];
}

function moved({ roles }: BatchContext, tensor: TensorData, axes: TensorAxes): TensorData | null {
  const { dims } = tensor;
  const factors = dims.map((_, axis) => axes[axis]?.[0]);
  const positional = factors.some((factor) => factor?.kind === 'position');
  if (!positional) return tensor;
  const batchAxis = factors.findIndex((factor) => factor?.kind === 'batch');
  const perSample = batchAxis >= 0 && (dims[batchAxis] ?? 1) > 1;
  const orders = roles.map((samples) => samples.map(orderOf));
  const shared = orders.every((samples) => samples.every((order) => order.join() === samples[0]?.join()));
  if (!perSample && !shared) return null;
  const data = allocate(tensor.dtype, elementCount(dims));
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
  const at = dims.map(() => 0);
  for (let i = 0; i < data.length; i += 1) {
    const sample = perSample ? (at[batchAxis] ?? 0) : 0;
    let from = 0;
    for (const [axis, place] of at.entries()) {
      const factor = factors[axis];
      const order = factor?.kind === 'position' ? orders[factor.sequence]?.[sample] : undefined;
      from += (order?.[place] ?? place) * (strides[axis] ?? 1);
    }
    const element = tensor.data[from];
    if (element !== undefined) data[i] = element;
    for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
      at[axis] = (at[axis] ?? 0) + 1;
      if ((at[axis] ?? 0) < (dims[axis] ?? 1)) break;
      at[axis] = 0;
    }
  }
  return { dtype: tensor.dtype, dims, data };
}
