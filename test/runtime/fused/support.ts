/** One or two fused attention nodes over plain inputs, small enough to say by hand which rows are masked. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { f32, float, i64, int, ints, named, scalar } from '../../support/tinyAttention';
import { model, node, value } from '../../unit/onnx/support';
import type { AttributeInit, NodeInit, TensorInit } from '../../unit/onnx/support';
import type { TensorData } from '../../../src/core/tensor';

export { f32, float, i64, int, named };

const S = 5;
/** True where the query may see the key as far as order goes. */
const earlier = Array.from({ length: S * S }, (_, i) => (i % S <= Math.floor(i / S) ? 1 : 0));

export interface FusedLayer {
  readonly op: 'Attention' | 'MultiHeadAttention' | 'GroupQueryAttention';
  readonly domain?: string;
  /** By place of the operator's inputs; may name what `fusedModel` offers. `q`, `k` and `v` stand for the layer's own. */
  readonly inputs: readonly string[];
  readonly attributes?: readonly AttributeInit[];
  /** Beside the result. */
  readonly outputs?: readonly string[];
}

/**
 * x [batch, 5, width] → each layer, with a residual → y. Values on offer: `q`, `k`, `v` (copies of what a layer reads),
 * `allowed` [batch, 1, 5, 5] bool (causal and padding), `realKeys` [batch, 5] int32, `bias` [batch, 1, 5, 5]: 0 where
 * allowed, else the fill.
 */
export function fusedModel(
  layers: readonly FusedLayer[],
  {
    fill = -Infinity,
    before = [],
    after = [],
    initializer = [],
    causal = true,
    width = 4,
    maskFromIds,
  }: {
    readonly fill?: number;
    readonly before?: readonly NodeInit[];
    /** Behind `bias`. */
    readonly after?: readonly NodeInit[];
    readonly initializer?: readonly TensorInit[];
    readonly causal?: boolean;
    readonly width?: number;
    /** The mask is made of the input `input_ids`, whose padding holds this id. */
    readonly maskFromIds?: number;
  } = {},
): ModelProto {
  const start = before.length === 0 ? 'x' : 'before';
  const real: NodeInit[] =
    maskFromIds === undefined
      ? [named('mask/Cast', 'Cast', ['attention_mask'], 'realFlag', int('to', DataType.BOOL))]
      : [
          named('mask/Equal', 'Equal', ['input_ids', 'padId'], 'padFlag'),
          named('mask/Not', 'Not', ['padFlag'], 'realFlag'),
        ];
  return model(
    {
      name: 'fused',
      input: [
        value('x', ['batch', 'sequence', width]),
        value(maskFromIds === undefined ? 'attention_mask' : 'input_ids', ['batch', 'sequence'], DataType.INT64),
      ],
      output: [value('y', ['batch', 'sequence', width])],
      initializer: [
        { name: 'earlier', dims: [BigInt(S), BigInt(S)], dataType: DataType.BOOL, int32Data: earlier },
        scalar('zero', 0),
        scalar('fill', fill),
        ints('headAxes', [1, 2]),
        ints('padId', [maskFromIds ?? 0], []),
        ...initializer,
      ],
      node: [
        ...before,
        ...real,
        named('mask/Cast_1', 'Cast', ['realFlag'], 'realKeys', int('to', DataType.INT32)),
        named('mask/Unsqueeze', 'Unsqueeze', ['realFlag', 'headAxes'], 'keys4'),
        causal
          ? named('mask/And', 'And', ['earlier', 'keys4'], 'allowed')
          : named('mask/Expand', 'Expand', ['keys4', 'square'], 'allowed'),
        named('mask/Where', 'Where', ['allowed', 'zero', 'fill'], 'bias'),
        ...after,
        ...layers.flatMap(({ op, domain = '', inputs, attributes = [], outputs = [] }, i): NodeInit[] => {
          const from = i === 0 ? start : `h${String(i - 1)}`;
          const out = i === layers.length - 1 ? 'y' : `h${String(i)}`;
          const own = (name: string): string => (['q', 'k', 'v'].includes(name) ? `${name}${String(i)}` : name);
          return [
            ...['q', 'k', 'v'].map((name) =>
              named(`/layers.${String(i)}/self_attn/${name}`, 'Identity', [from], own(name)),
            ),
            node(op, inputs.map(own), [`a${String(i)}`, ...outputs], {
              domain,
              name: `/layers.${String(i)}/self_attn/${op}`,
              attribute: [...attributes],
            }),
            named(`/layers.${String(i)}/Add`, 'Add', [from, `a${String(i)}`], out),
          ];
        }),
      ],
    },
    {
      irVersion: 10n,
      opsetImport: [
        { domain: '', version: layers.some(({ op, domain }) => op === 'Attention' && !domain) ? 23n : 17n },
        { domain: 'com.microsoft', version: 1n },
      ],
    },
  );
}

export const heads = int('num_heads', 2);
const microsoft = 'com.microsoft';
/** Only the input of masks differs between exporters. */
export const mhaBias: FusedLayer = {
  op: 'MultiHeadAttention',
  domain: microsoft,
  inputs: ['q', 'k', 'v', '', '', 'bias'],
  attributes: [heads],
};
export const mhaKeys = (...attributes: AttributeInit[]): FusedLayer => ({
  op: 'MultiHeadAttention',
  domain: microsoft,
  inputs: ['q', 'k', 'v', '', 'realKeys'],
  attributes: [heads, int('unidirectional', 1), ...attributes],
});
export const standard = (mask: 'allowed' | 'bias'): FusedLayer => ({
  op: 'Attention',
  inputs: ['q', 'k', 'v', mask],
  attributes: [int('q_num_heads', 2), int('kv_num_heads', 2)],
});

/** Sample 0 has `real` real positions at the side that is named, sample 1 all five. */
export function padded(real: number, side: 'left' | 'right' = 'left', width = 4): Record<string, TensorData> {
  const flags = Array.from({ length: S }, (_, i) => (side === 'left' ? (i < S - real ? 0 : 1) : i < real ? 1 : 0));
  return {
    x: f32(
      [2, S, width],
      Array.from({ length: 2 * S * width }, (_, i) => 0.1 + 0.03 * ((i * 7) % 11)),
    ),
    attention_mask: i64([2, S], [...flags, ...Array.from({ length: S }, () => 1)]),
  };
}
