/** Which axis of a graph input is the sample and which the position: where following axes through a graph begins. */
import { batchFactor, other, positionFactor } from '../onnx/axes/types';
import type { Axis, TensorAxes } from '../onnx/axes/types';
import type { InputSpec } from './types';

const batchName = /batch|^n$|^bs?$|^bsz$/i;
const positionName = /seq|len|time|pos|token|^s$|^t$|^l$/i;
const decoderName = /^(decoder_|tgt|target|trg|dec_)/i;
const encoderName = /^(encoder_|src|source|memory|enc_|input_ids$|attention_mask$|inputs_embeds$)/i;

/** 0 = tokens (or the target of an encoder-decoder), 1 = its memory. */
export function sequenceOf(input: string, all: readonly string[]): number {
  if (!all.some((name) => decoderName.test(name))) return 0;
  return decoderName.test(input) || !encoderName.test(input) ? 0 : 1;
}

/**
 * Axes of the inputs of one batch. Symbolic names decide (`batch`, `seq`, …); an axis that they do not name
 * follows the convention of attention models, batch first, position second.
 *
 * @param shapes concrete shapes of the batch, by input name.
 */
export function inputAxes(
  inputs: readonly InputSpec[],
  shapes: Readonly<Record<string, readonly number[]>>,
): Map<string, TensorAxes> {
  const names = inputs.map((input) => input.name);
  const result = new Map<string, TensorAxes>();
  for (const input of inputs) {
    const shape = shapes[input.name];
    if (shape) result.set(input.name, axesOf(input, shape, sequenceOf(input.name, names)));
  }
  return result;
}

function axesOf(input: InputSpec, shape: readonly number[], sequence: number): TensorAxes {
  const symbols = shape.map((_, i) => {
    const dim = input.dims?.[i];
    return typeof dim === 'string' ? dim : '';
  });
  const batch = symbols.findIndex((symbol) => batchName.test(symbol));
  const position = symbols.findIndex((symbol, i) => i !== batch && positionName.test(symbol));
  const plain = shape.map((size): Axis => [other(size)]);
  const place = (axis: number, factor: Axis): void => {
    if (axis >= 0 && axis < plain.length) plain[axis] = factor;
  };
  const size = (axis: number): number => shape[axis] ?? 1;
  if (/^past/i.test(input.name) || shape.length === 0) {
    if (shape.length > 1) place(batch >= 0 ? batch : 0, [batchFactor(size(batch >= 0 ? batch : 0))]);
    return plain;
  }
  if (shape.length === 1) {
    // One axis: positions (`position_ids`, `cache_position`) unless its name says that it counts samples.
    place(0, batch === 0 ? [batchFactor(size(0))] : [positionFactor(size(0), sequence)]);
    return plain;
  }
  const batchAxis = batch >= 0 ? batch : position === 0 ? 1 : 0;
  place(batchAxis, [batchFactor(size(batchAxis))]);
  if (shape.length === 4 && /mask|bias/i.test(input.name)) {
    place(2, [positionFactor(size(2), sequence)]);
    place(3, [positionFactor(size(3), sequence, true)]);
    return plain;
  }
  const positionAxis = position >= 0 ? position : batchAxis === 0 ? 1 : 0;
  place(positionAxis, [positionFactor(size(positionAxis), sequence)]);
  return plain;
}
