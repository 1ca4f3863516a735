/** Which axis of a graph input is the sample and which the position: where following axes through a graph begins. */
import { batchFactor, other, positionFactor, positionPlace, unknown } from '../onnx/axes/types';
import type { Axis, TensorAxes } from '../onnx/axes/types';
import { kindOf } from './layout';
import type { InputSpec } from './types';

const batchName = /batch|^n$|^bs?$|^bsz$/i;
const positionName = /seq|len|time|pos|token|query|key|^[stlqk]$/i;
const decoderName = /^(decoder_|tgt|target|trg|dec_)/i;
const encoderName = /^(encoder_|src|source|memory|enc_|input_ids$|attention_mask$|inputs_embeds$)/i;
/** PyTorch's masks of queries and keys without a batch axis. */
const pairName = /causal|look_?ahead|^attn_mask$/i;

/** 0 = tokens (or the target of an encoder-decoder), 1 = its memory. */
export function sequenceOf(input: string, all: readonly string[]): number {
  if (!all.some((name) => decoderName.test(name))) return 0;
  return decoderName.test(input) || !encoderName.test(input) ? 0 : 1;
}

interface Fed {
  readonly spec: InputSpec;
  readonly shape: readonly number[];
  /** Symbolic names, `''` where there is none. */
  readonly symbols: readonly string[];
  readonly isMask: boolean;
}

/**
 * Axes of the inputs of one batch. Symbolic names decide (`batch`, `seq`, …); an axis that they do not name
 * follows the convention of attention models, batch first, position second, unless the other inputs disprove it.
 * What stays open is `unknown`: the graph may tell.
 *
 * @param shapes concrete shapes of the batch, by input name.
 */
export function inputAxes(
  inputs: readonly InputSpec[],
  shapes: Readonly<Record<string, readonly number[]>>,
): Map<string, TensorAxes> {
  const fed = inputs.flatMap((spec): Fed[] => {
    const shape = shapes[spec.name];
    if (!shape) return [];
    const symbols = shape.map((_, i) => {
      const dim = spec.dims?.[i];
      return typeof dim === 'string' ? dim : '';
    });
    return [{ spec, shape, symbols, isMask: looksLikeMask(spec, shape) }];
  });
  const samples = samplesOf(fed);
  const sequences = sequencesOf(fed);
  const several = new Set(sequences.values()).size > 1;
  const axes = new Map(fed.map((one) => [one, axesOf(one, samples, sequences.get(one) ?? 0, several)]));
  return new Map(
    fed.map((one) => [one.spec.name, sharedRow(one, axes) ?? axes.get(one) ?? one.shape.map((size) => [other(size)])]),
  );
}

/**
 * One row for all positions (a temperature, an embedding of the class) belongs to no position of its own: the model
 * fixes its size to 1, and another input of the same sequence is longer.
 */
function sharedRow(one: Fed, all: ReadonlyMap<Fed, TensorAxes>): TensorAxes | null {
  const own = all.get(one);
  const place = own && positionPlace(own);
  if (!own || !place || one.isMask || kindOf(one.spec) !== 'values' || one.spec.dims?.[place.axis] !== 1) return null;
  const isLonger = [...all].some(([two, axes]) => {
    const at = two.isMask || kindOf(two.spec) === 'cache' ? null : positionPlace(axes);
    return at !== null && at.factor.sequence === place.factor.sequence && at.factor.size > 1;
  });
  return isLonger ? own.map((axis, i) => (i === place.axis ? [other(1)] : axis)) : null;
}

function looksLikeMask(spec: InputSpec, shape: readonly number[]): boolean {
  if (kindOf(spec) === 'cache') return false;
  // [batch, 1, queries, keys] is what a mask looks like, whatever its name.
  return (
    kindOf(spec) === 'mask' || (shape.length > 1 && /bias/i.test(spec.name)) || (shape.length === 4 && shape[1] === 1)
  );
}

const batchSymbol = (one: Fed): number => one.symbols.findIndex((symbol) => batchName.test(symbol));

/** The size of the batch, from the input that is surest to say it. */
function samplesOf(fed: readonly Fed[]): number | null {
  for (const one of fed) {
    const axis = batchSymbol(one);
    if (axis >= 0) return one.shape[axis] ?? null;
  }
  const first = (test: (one: Fed) => boolean): number | null => {
    const found = fed.find((one) => one.shape.length > 1 && one.shape[0] !== 1 && test(one));
    if (!found) return null;
    const positionFirst = positionName.test(found.symbols[0] ?? '');
    return found.shape[positionFirst ? 1 : 0] ?? null;
  };
  const rank2 = (one: Fed): boolean => one.shape.length === 2;
  return (
    // A key padding mask is batch first even where the tokens are not.
    first((one) => one.isMask && rank2(one) && /pad/i.test(one.spec.name)) ??
    first((one) => kindOf(one.spec) === 'ids' && rank2(one)) ??
    first((one) => one.isMask && rank2(one) && !pairName.test(one.spec.name)) ??
    first((one) => !one.isMask)
  );
}

/**
 * Names tell sequences apart, else symbolic lengths that several inputs share: `a[batch, s] b[batch, t]
 * c[batch, s] d[batch, t]`. The sequence that comes first is then the memory, as in `forward(src, tgt)`.
 */
function sequencesOf(fed: readonly Fed[]): Map<Fed, number> {
  const names = fed.map((one) => one.spec.name);
  const byName = new Map(fed.map((one) => [one, sequenceOf(one.spec.name, names)]));
  if (names.some((name) => decoderName.test(name))) return byName;
  const lengthOf = (one: Fed): string =>
    one.symbols.find((symbol, axis) => axis !== batchSymbol(one) && symbol !== '' && !/past|\+/i.test(symbol)) ?? '';
  const groups = new Map<string, Fed[]>();
  for (const one of fed) {
    if (kindOf(one.spec) === 'cache' || one.shape.length < 2 || one.shape.length > 3) continue;
    const length = lengthOf(one);
    if (length !== '') groups.set(length, [...(groups.get(length) ?? []), one]);
  }
  const shared = [...groups.values()].filter((group) => group.length > 1 && group.some((one) => !one.isMask));
  if (shared.length !== 2) return byName;
  return new Map(fed.map((one) => [one, shared[0]?.includes(one) === true ? 1 : 0]));
}

function axesOf(one: Fed, samples: number | null, sequence: number, several: boolean): TensorAxes {
  const { spec, shape, symbols, isMask } = one;
  const rank = shape.length;
  const plain = shape.map((size): Axis => [other(size)]);
  const size = (axis: number): number => shape[axis] ?? 1;
  const place = (axis: number, factor: Axis): void => {
    if (axis >= 0 && axis < rank) plain[axis] = factor;
  };
  // One row for all samples belongs to no sample of its own.
  const placeBatch = (axis: number): void => {
    if (size(axis) !== 1 || samples === 1 || samples === null) place(axis, [batchFactor(size(axis))]);
  };
  const named = batchSymbol(one);
  if (rank === 0) return plain;
  if (kindOf(spec) === 'cache') {
    // Where its positions stand is for the graph to tell, as caches come in several layouts.
    for (let axis = 0; axis < rank; axis += 1) place(axis, [unknown(size(axis))]);
    // [batch, heads, past, width], also behind an axis for key and value.
    if (rank > 1) placeBatch(named >= 0 ? named : Math.max(rank - 4, 0));
    return plain;
  }
  if (rank === 1) {
    // One axis: positions (`position_ids`, `cache_position`) unless its name says that it counts samples.
    place(0, named === 0 ? [batchFactor(size(0))] : [positionFactor(size(0), sequence)]);
    return plain;
  }
  const fits = (axis: number): boolean => samples === null || size(axis) === samples || size(axis) === 1;
  if (isMask && rank > 2) {
    const batch = named >= 0 ? named : fits(0) ? 0 : -1;
    for (let axis = 0; axis < rank; axis += 1) if (size(axis) !== 1) place(axis, [unknown(size(axis))]);
    placeBatch(batch);
    // Whose queries and keys they are among several sequences is for the graph to tell.
    if (several) return plain;
    const hasQueries = batch !== rank - 2 && size(rank - 2) !== 1;
    if (hasQueries) place(rank - 2, [positionFactor(size(rank - 2), sequence)]);
    place(rank - 1, [positionFactor(size(rank - 1), sequence, hasQueries)]);
    return plain;
  }
  const positions = symbols.map((symbol, axis) => (axis !== named && positionName.test(symbol) ? axis : -1));
  const telling = positions.filter((axis) => axis >= 0);
  if (
    rank === 2 &&
    isMask &&
    named < 0 &&
    (telling.length === 2 || pairName.test(spec.name) || !(fits(0) || fits(1)))
  ) {
    // Queries by keys, the same for every sample.
    if (several) return plain.map((_, axis) => [unknown(size(axis))]);
    return [[positionFactor(size(0), sequence)], [positionFactor(size(1), sequence, true)]];
  }
  const batch = named >= 0 ? named : telling[0] === 0 ? 1 : !fits(0) && fits(1) && size(1) !== 1 ? 1 : 0;
  placeBatch(batch);
  const position = telling[0] ?? (rank === 4 ? -1 : batch === 0 ? 1 : 0);
  if (rank === 4 && position === -1) return plain.map((axis, i) => (i === batch ? axis : [unknown(size(i))]));
  if (
    rank === 2 &&
    telling.length === 0 &&
    !isMask &&
    kindOf(spec) === 'values' &&
    typeof spec.dims?.[position] === 'number'
  ) {
    // [batch, features], or a mask with a name that does not say so: the graph may tell.
    place(position, [unknown(size(position))]);
    return plain;
  }
  place(position, [positionFactor(size(position), sequence)]);
  return plain;
}
