/**
 * Makes a batch for a model from its own input names and shapes: so many samples, so many real tokens each,
 * padded on one side. What a sample holds depends on the seed, the input and the sample only, not on the padding
 * or on the other samples, so that padded and unpadded runs can be compared.
 */
import { NanoscopeError } from '../errors';
import { bytesPerElement } from '../tensor';
import type { DType, TensorData } from '../tensor';
import { commonWidths, fixedSizes, frameOf } from './frames';
import type { Frame } from './frames';
import { kindOf, layoutOf } from './layout';
import type { AxisLayout } from './layout';
import { batchLimits, checkedCount, megabytes } from './limits';
import { isDType, toElements } from './numbers';
import type { Batch, InputSpec, LengthSpec } from './types';
import { cannotMake, valuesOf } from './values';
import type { BatchHints } from './values';

/**
 * Ids (1 … bound − 1 at real positions, 0 at pads; 0 stands in for the pad's id where that is another), masks, position ids (counted from the first real token),
 * segments (0), empty caches, and normal floats for everything else.
 * @throws NanoscopeError `bad-input` when the lengths do not fit the model or an input cannot be made up,
 *   `mask-ambiguous` when a mask input could mean several things
 */
export function makeBatch(inputs: readonly InputSpec[], spec: LengthSpec, hints: BatchHints = {}): Batch {
  checkLengths(spec);
  const parts = inputs.map((input) => ({ input, dtype: knownType(input), axes: knownLayout(input) }));
  const widths = commonWidths(inputs, spec);
  let bytes = 0;
  const made = parts.map(({ input, dtype, axes }) => {
    const frame = frameOf(input, inputs, spec, widths);
    const dims = axes.map((axis, i) => sizeOf(input, axis, i, frame));
    bytes += checkedCount(`Input "${input.name}"`, dtype, dims, 'bad-input') * bytesPerElement(dtype);
    if (bytes > batchLimits.totalBytes) {
      throw new NanoscopeError(
        'bad-input',
        `The batch would be larger than ${megabytes(batchLimits.totalBytes)}.`,
        'Use fewer samples or shorter ones.',
      );
    }
    const values = valuesOf({ input, dtype, axes, dims, frame, hints });
    return [input.name, { dtype, dims, data: toElements(dtype, values) }] as const;
  });
  return { inputs: Object.fromEntries<TensorData>(made), lengths: spec };
}

/** The batch of `5,35`, left padded, or the nearest to it that fits a model with fixed sizes. */
export function defaultLengths(inputs: readonly InputSpec[]): LengthSpec {
  const fixed = fixedSizes(inputs);
  const longest = Math.min(...fixed.widths.values(), 35);
  const short = Math.max(1, Math.round(longest / 7));
  const lengths = Array.from({ length: fixed.samples?.size ?? 2 }, (_, i) => (i % 2 === 0 ? short : longest));
  return { lengths, pad: 'left', seed: 1 };
}

function checkLengths({ lengths }: LengthSpec): void {
  if (lengths.length === 0) {
    throw new NanoscopeError('bad-input', 'A batch needs at least one sample.', 'Give lengths, for example 5,35.');
  }
  const wrong = lengths.find((length) => !Number.isSafeInteger(length) || length < 0);
  if (wrong !== undefined) {
    throw new NanoscopeError('bad-input', `${String(wrong)} is not a length.`, 'Give whole numbers, for example 5,35.');
  }
}

function knownType(input: InputSpec): DType {
  if (isDType(input.dtype)) {
    return input.dtype;
  }
  throw cannotMake(input, `elements of type ${input.dtype} cannot be made up`);
}

function knownLayout(input: InputSpec): readonly AxisLayout[] {
  const axes = layoutOf(input);
  if (axes === null) {
    throw cannotMake(input, 'the model does not say what shape it has');
  }
  if (axes.length === 0 && kindOf(input) !== 'cache-flag') {
    throw cannotMake(input, 'a single number could mean anything');
  }
  return axes;
}

function sizeOf(input: InputSpec, { meaning, fixed }: AxisLayout, axis: number, frame: Frame): number {
  if (fixed !== null) {
    return fixed;
  }
  switch (meaning) {
    case 'batch':
      return frame.lengths.length;
    case 'sequence':
      return frame.width;
    case 'past':
      return 0;
    case 'feature':
      throw cannotMake(input, `the size of axis ${String(axis)} is not known`);
  }
}
