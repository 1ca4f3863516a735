/** The sum over the ranks, as a collective makes it: element by element, in the order of the ranks. */
import { toFloat16Bits } from '../batch/half';
import { NanoscopeError } from '../errors';
import { show } from '../onnx/show';
import { floatsOf } from '../probe/floats';
import type { TensorData } from '../tensor';

/** @throws NanoscopeError `bad-input` for terms that do not fit each other */
export function allReduced(name: string, terms: readonly TensorData[]): TensorData {
  const [first, ...others] = terms;
  if (!first) throw new Error('no terms to sum');
  const { dtype, dims } = first;
  const wrong = others.find((term) => term.dtype !== dtype || term.dims.join() !== dims.join());
  if (wrong)
    throw new NanoscopeError(
      'bad-input',
      `The ranks disagree about ${show(name)}, which is summed over them: ${formOf(first)} and ${formOf(wrong)}.`,
      'Every rank must give the same type and shape there; split the weights again.',
    );
  if (dtype === 'float64') {
    const sum = Float64Array.from(floatsOf(first));
    for (const term of others) addTo(sum, floatsOf(term));
    return { dtype, dims, data: sum };
  }
  if (dtype !== 'float32' && dtype !== 'float16')
    throw new NanoscopeError(
      'unsupported-type',
      `${show(name)} is ${dtype}, and only floating point numbers are summed over ranks.`,
      'Leave it out of allReduce in the list of shards.',
    );
  const sum = Float32Array.from(floatsOf(first));
  for (const term of others) addTo(sum, floatsOf(term));
  return { dtype, dims, data: dtype === 'float16' ? toFloat16Bits(sum) : sum };
}

/** Rounded to the type of the sum after each term. */
function addTo(sum: Float32Array | Float64Array, term: ArrayLike<number>): void {
  for (let i = 0; i < sum.length; i += 1) sum[i] = (sum[i] ?? 0) + (term[i] ?? 0);
}

const formOf = ({ dtype, dims }: TensorData): string => `${dtype} [${dims.join(', ')}]`;
