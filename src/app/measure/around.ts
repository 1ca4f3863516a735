/** What this batch told of the values around a node, as whoever writes operators out wants to know it. */
import type { Around } from '../../core/onnx/expand/index';
import { dtypeOf } from '../../core/onnx/tensors';
import type { Prepared } from './measure';

type Known = Pick<Prepared, 'facts' | 'target'>;

export function typeOf({ facts, target: { graph } }: Known, value: string): string {
  const known = facts.values.get(value)?.dtype;
  if (known !== undefined) return known;
  const initializer = graph.initializers.get(value);
  return (initializer ? dtypeOf(initializer.dataType) : graph.constant(value)?.dtype) ?? '';
}

export function aroundIn(known: Known): Around {
  const { facts, target } = known;
  return {
    shape: (value) => facts.shape(value) ?? target.graph.initializers.get(value)?.dims.map(Number) ?? null,
    dtype: (value) => typeOf(known, value) || null,
  };
}
