/**
 * What every axis of a model input stands for, from its symbolic name where it has a telling one, else from its
 * place: batch first, sequence second. Needed to *make* a batch; what the axes of inner tensors are is followed
 * through the graph elsewhere.
 */
import type { InputSpec } from './types';

export type AxisMeaning = 'batch' | 'sequence' | 'past' | 'feature';

export interface AxisLayout {
  readonly meaning: AxisMeaning;
  /** Size in the model, or `null` where it is open. */
  readonly fixed: number | null;
}

export type InputKind = 'ids' | 'mask' | 'positions' | 'segments' | 'cache' | 'cache-flag' | 'values';

const cacheName = /past|key_cache|value_cache|kv_cache/i;
const maskName = /mask/i;
const padMaskName = /pad(ding)?_?mask/i;

export function isIntegerType(dtype: string): boolean {
  return /^u?int\d+$/.test(dtype);
}

export function kindOf(spec: InputSpec): InputKind {
  const { name, dtype } = spec;
  if (/^use_cache/i.test(name) && dtype === 'bool') {
    return 'cache-flag';
  }
  // `attention_mask_past` would be a mask; `past_key_values.0.key` is none.
  if (maskName.test(name)) {
    return 'mask';
  }
  if (cacheName.test(name)) {
    return 'cache';
  }
  if (isIntegerType(dtype)) {
    if (/token_type|segment/i.test(name)) {
      return 'segments';
    }
    return /position/i.test(name) ? 'positions' : 'ids';
  }
  return dtype === 'bool' ? 'mask' : 'values';
}

/** Whether true (or 1) marks padding, by the convention of PyTorch's `key_padding_mask`. */
export const marksPadding = (name: string): boolean => padMaskName.test(name);

/** Axis by axis; `null` when the model does not say how many axes the input has. */
export function layoutOf(spec: InputSpec): readonly AxisLayout[] | null {
  const { dims } = spec;
  if (dims === null) {
    return kindOf(spec) === 'values' || kindOf(spec) === 'cache'
      ? null
      : [
          { meaning: 'batch', fixed: null },
          { meaning: 'sequence', fixed: null },
        ];
  }
  const kind = kindOf(spec);
  const symbols = dims.map((dim) => (typeof dim === 'string' ? meaningOfSymbol(kind, dim) : null));
  return dims.map((dim, axis) => ({
    meaning: symbols[axis] ?? meaningOfPlace(kind, dims, symbols, axis),
    fixed: typeof dim === 'number' ? dim : null,
  }));
}

function meaningOfSymbol(kind: InputKind, symbol: string): AxisMeaning | null {
  if (/batch|^(b|n|bs|bsz)$/i.test(symbol)) {
    return 'batch';
  }
  // `past + sequence` is the whole length; nothing is in the past of a fresh batch.
  if (/past/i.test(symbol) && !symbol.includes('+')) {
    return 'past';
  }
  if (/seq|len|time|token|pos|past|^(s|t|l)$/i.test(symbol)) {
    return 'sequence';
  }
  // Ids and masks have no features: there a name like `dim_0` says nothing.
  const hasFeatures = kind === 'values' || kind === 'cache';
  return hasFeatures && /hidden|feature|embed|head|channel|(^|_)dim$/i.test(symbol) ? 'feature' : null;
}

function meaningOfPlace(
  kind: InputKind,
  dims: InputSpec['dims'] & object,
  symbols: readonly (AxisMeaning | null)[],
  axis: number,
): AxisMeaning {
  const rank = dims.length;
  if (kind === 'cache') {
    // [batch, heads, past, width], also behind an axis for key and value.
    return axis === rank - 4 ? 'batch' : axis === rank - 2 ? 'past' : 'feature';
  }
  if (kind === 'mask' && rank > 2) {
    // [batch, 1, queries, keys]
    return axis === 0 ? 'batch' : axis >= rank - 2 && dims[axis] !== 1 ? 'sequence' : 'feature';
  }
  if (rank === 1) {
    if (kind === 'values' || kind === 'cache-flag') {
      return typeof dims[axis] === 'number' ? 'feature' : 'batch';
    }
    return 'sequence';
  }
  const taken = (meaning: AxisMeaning): boolean => symbols.includes(meaning);
  if (kind === 'values') {
    // [batch, features] or [batch, sequence, features]; the last axis carries the features.
    if (axis === rank - 1 && (rank > 2 || dims[axis] !== null) && typeof dims[axis] !== 'string') {
      return 'feature';
    }
  }
  if (axis === 0 || (axis === 1 && taken('sequence'))) {
    return axis === 0 && taken('batch') ? 'sequence' : 'batch';
  }
  return axis === 1 ? 'sequence' : 'feature';
}
