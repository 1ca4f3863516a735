/** Shapes and element types: the engine's, or the file's where that did not say, as of weights and constants. */
import { dtypeOf as nameOfType } from '../onnx/tensors';
import type { FixContext } from './types';

export function shapeOf(context: FixContext, value: string): readonly number[] | null {
  const { graph } = context;
  return context.shape(value) ?? graph.initializers.get(value)?.dims.map(Number) ?? graph.constant(value)?.dims ?? null;
}

export function dtypeOf(context: FixContext, value: string): string {
  const { graph } = context;
  const stored = graph.initializers.get(value);
  return context.dtype(value) ?? (stored && nameOfType(stored.dataType)) ?? graph.constant(value)?.dtype ?? 'float32';
}
