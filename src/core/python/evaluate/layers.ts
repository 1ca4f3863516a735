/** Layers of `torch.nn`: what a call of one gives. */
import type { Argument } from '../rules/types';
import type { Syntax } from '../syntax';
import { value, type Mask, type Value } from '../values';
import { attention, softmaxOf } from './attention';
import type { Context } from './context';

const layers =
  /^(Softmax|LogSoftmax|MultiheadAttention|TransformerEncoder|TransformerDecoder|TransformerEncoderLayer|TransformerDecoderLayer|Linear|Bilinear|Conv[123]d|Embedding|LayerNorm|RMSNorm|BatchNorm[123]d|GroupNorm|Dropout|ReLU|Softplus|Sigmoid|Tanh|GELU|SiLU)$/;

/** The layer that a call of this dotted name builds; null for everything else. */
export function layerOf(path: string): string | null {
  const name = path.split('.').at(-1) ?? '';
  return layers.test(name) && /^torch\.nn\.|^[A-Z]/.test(path) ? name : null;
}

/** A layer as it is built. */
export function builtLayer(layer: string, given: readonly Argument[]): Value {
  const axis = (given.find(({ name }) => name === 'dim') ?? given.find(({ name }) => name === null))?.value.number;
  return value({ layer, ...(/softmax/i.test(layer) && axis !== undefined && { axis }) });
}

export function layerCall(
  node: Syntax,
  { layer = '', axis }: Value,
  given: readonly Argument[],
  context: Context,
): Value {
  const input = given[0];
  switch (layer) {
    case 'Softmax':
    case 'LogSoftmax':
      return softmaxOf(node, input, given, context, {
        log: layer === 'LogSoftmax',
        ...(axis !== undefined && { axis }),
      });
    case 'MultiheadAttention':
    case 'TransformerEncoder':
    case 'TransformerDecoder':
    case 'TransformerEncoderLayer':
    case 'TransformerDecoderLayer': {
      const masks = given.flatMap((one, at) => maskArgument(one, one.name ?? places[layer]?.[at] ?? ''));
      attention(node, layer, masks, context);
      return value({ sign: 'any' });
    }
    case 'ReLU':
    case 'Softplus':
      return value({ sign: 'nonnegative' });
    case 'Sigmoid':
      return value({ sign: 'positive', unit: true });
    case 'Dropout':
      return input ? input.value : value();
    default:
      return value({ sign: 'any' });
  }
}

/** What arguments without a name are. */
const places: Readonly<Record<string, readonly string[]>> = {
  MultiheadAttention: ['query', 'key', 'value', 'key_padding_mask', 'need_weights', 'attn_mask'],
  TransformerEncoder: ['src', 'mask', 'src_key_padding_mask'],
  TransformerEncoderLayer: ['src', 'src_mask', 'src_key_padding_mask'],
  TransformerDecoder: ['tgt', 'memory', 'tgt_mask', 'memory_mask', 'tgt_key_padding_mask'],
  TransformerDecoderLayer: ['tgt', 'memory', 'tgt_mask', 'memory_mask', 'tgt_key_padding_mask'],
};

/** What is given as a mask. Those of the memory meet the others nowhere. */
function maskArgument({ node, value: held }: Argument, name: string): { node: Syntax; mask: Mask }[] {
  if (!name.endsWith('mask') || name.startsWith('memory_') || node.type === 'none') return [];
  const part = name.endsWith('padding_mask') ? 'padding' : 'unknown';
  if (held.mask) {
    const parts = new Set([...held.mask.parts].map((one) => (one === 'unknown' ? part : one)));
    return [{ node, mask: { ...held.mask, parts } }];
  }
  return [
    { node, mask: { form: 'unknown', fill: null, parts: new Set([part]), planes: 0, guarded: false, fillsAt: [] } },
  ];
}
