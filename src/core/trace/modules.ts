/**
 * From the names that exporters give to nodes (`/model/layers.0/self_attn/q_proj/MatMul`) to modules, layers and
 * stages. Names that say nothing give the stage `other`; nothing is guessed.
 */
import type { Block, Stage } from '../report';

export interface ModulePlace {
  /** Module path as the source has it, `model.layers.0.self_attn`; the stage's own module, not a child of it. */
  readonly module: string;
  readonly layer: number | null;
  readonly block: Block | null;
  readonly stage: Stage;
}

const layerWords = new Set([
  'layers',
  'layer',
  'h',
  'blocks',
  'block',
  'decoder_layers',
  'encoder_layers',
  'transformer_blocks',
]);
/** Longer ones are no layers; as a number they would be inexact or infinite. */
const layerNumber = /^\d{1,9}$/;
const attentionWords = /^(self_attn|self_attention|selfattention|attn|attention|mha|attn1|mixer)$/i;
const crossWords = /^(multihead_attn|crossattention|cross_attn|cross_attention|encoder_attn|encdecattention|attn2)$/i;
const attentionNorms =
  /^(input_layernorm|ln1|ln_1|norm1|attn_norm|attention_norm|self_attn_layer_norm|layernorm_before|layer_norm1|ln_attn|pre_attention_layernorm)$/i;
const crossNorms = /^(encoder_attn_layer_norm|ln_cross_attn|cross_attn_layer_norm)$/i;
const mlpNorms =
  /^(post_attention_layernorm|ln2|ln_2|norm2|norm3|ffn_norm|mlp_norm|layernorm_after|layer_norm2|ln_mlp|pre_feedforward_layernorm|final_layer_norm)$/i;
const mlpWords =
  /^(mlp|ffn|feed_forward|feedforward|linear1|linear2|fc1|fc2|moe|block_sparse_moe|intermediate|output|densereludense|ff)$/i;
const embedWords = /^(emb|embed\w*|wte|word_embeddings|tok_embeddings|token_embedding|shared)$/i;
const positionEmbedWords = /^(embed_positions|position_embeddings|wpe|pos\w*|token_type_embeddings)$/i;
const finalNorms = /^(norm|ln_f|lnf|final_norm|final_layernorm|final_layer_norm|layer_norm|layernorm|ln_final)$/i;
const headWords = /^(lm_head|head|output_projection|classifier|score|embed_out|cls|generator)$/i;
const normWord = /^(layernorm|layer_norm)$/i;

/** Module path of a node, outermost first; empty when the name holds no path. */
export function modulePath(nodeName: string): string[] {
  if (!nodeName.includes('/')) return [];
  const parts = nodeName.split('/').filter((part) => part !== '');
  parts.pop();
  // `layers.0` and `layers/0` are the same module; a number belongs to the list before it.
  return parts.flatMap((part) => part.split('.'));
}

/** The innermost stage whose module holds the node, and the layer around it. */
export function placeOfNode(nodeName: string): ModulePlace {
  return stageOf(modulePath(nodeName));
}

/**
 * Places that only the whole model tells: in a layer with cross-attention, `norm2` stands before (or after) that and
 * not the mlp; T5's sublayers all call their norm `layer_norm`, and what else a sublayer holds says whose it is.
 */
export function modulePlaces(nodeNames: Iterable<string>): (nodeName: string) => ModulePlace {
  const crossLayers = new Set<string>();
  const sublayers = new Map<string, ModulePlace>();
  const own = new Map<string, ModulePlace>();
  for (const name of nodeNames) {
    if (own.has(name)) continue;
    const place = placeOfNode(name);
    own.set(name, place);
    if (place.block === 'cross') crossLayers.add(layerModule(name));
    const sublayer = sublayerOf(modulePath(name));
    if (sublayer !== null && (place.stage === 'attention' || place.stage === 'mlp')) sublayers.set(sublayer, place);
  }
  return (name) => {
    const place = own.get(name) ?? placeOfNode(name);
    if (place.stage === 'mlp-norm' && place.module.endsWith('.norm2') && crossLayers.has(layerModule(name)))
      return { ...place, stage: 'attn-norm', block: 'cross' };
    const path = modulePath(name);
    const sublayer = sublayerOf(path);
    const holder = sublayer === null ? undefined : sublayers.get(sublayer);
    if (!holder || place.stage !== 'layer') return place;
    const depth = sublayer?.split('.').length ?? 0;
    if (!normWord.test(path[depth] ?? '')) return place;
    const stage = holder.stage === 'attention' ? 'attn-norm' : 'mlp-norm';
    return { module: path.slice(0, depth + 1).join('.'), layer: place.layer, block: holder.block, stage };
  };
}

/** Module path of the layer that holds a node, `decoder.layers.0`; empty outside of layers. */
export function layerModule(nodeName: string): string {
  const path = modulePath(nodeName);
  return path.slice(0, layerIndex(path) + 1).join('.');
}

/** `block.0.layer.1` of a path that goes through one, else null. */
function sublayerOf(path: readonly string[]): string | null {
  const at = layerIndex(path);
  if (at === -1 || !layerWords.has(path[at + 1] ?? '') || !layerNumber.test(path[at + 2] ?? '')) return null;
  return path.slice(0, at + 3).join('.');
}

/** Where in `path` the layer's number stands, −1 for none. The first list of layers counts. */
function layerIndex(path: readonly string[]): number {
  for (let i = 0; i + 1 < path.length; i += 1) {
    if (layerWords.has(path[i] ?? '') && layerNumber.test(path[i + 1] ?? '')) return i + 1;
  }
  return -1;
}

function stageOf(path: readonly string[]): ModulePlace {
  const join = (end: number): string => path.slice(0, end).join('.');
  const at = layerIndex(path);
  if (at === -1) {
    for (const [i, word] of path.entries()) {
      if (positionEmbedWords.test(word)) return { module: join(i + 1), layer: null, block: null, stage: 'other' };
    }
    // The innermost word decides: `embeddings.LayerNorm` is a norm of the embedding, not the embedding itself.
    for (let i = path.length - 1; i >= 0; i -= 1) {
      const word = path[i] ?? '';
      const stage = embedWords.test(word)
        ? 'embed'
        : headWords.test(word)
          ? 'logits'
          : finalNorms.test(word)
            ? 'final-norm'
            : null;
      if (stage === 'final-norm' && path.slice(0, i).some((outer) => embedWords.test(outer))) {
        return { module: join(i + 1), layer: null, block: null, stage: 'other' };
      }
      if (stage) return { module: join(i + 1), layer: null, block: null, stage };
    }
    return { module: join(path.length), layer: null, block: null, stage: 'other' };
  }
  const layer = Number(path[at]);
  // T5 nests its sublayers in a list of their own: `block.0.layer.1.EncDecAttention`.
  let from = at + 1;
  if (layerWords.has(path[from] ?? '') && layerNumber.test(path[from + 1] ?? '')) from += 2;
  for (let i = from; i < path.length; i += 1) {
    const word = path[i] ?? '';
    const place = (stage: Stage, block: Block | null, end = i + 1): ModulePlace => ({
      module: join(end),
      layer,
      block,
      stage,
    });
    if (crossWords.test(word)) return place('attention', 'cross');
    if (attentionWords.test(word)) {
      // BERT keeps its residual and norm in `attention.output`.
      const norm = path.findIndex((inner, k) => k > i && normWord.test(inner));
      if (norm !== -1 && /^output$/i.test(path[norm - 1] ?? '')) return place('attn-norm', 'self', norm + 1);
      if (/^output$/i.test(path[i + 1] ?? '')) {
        return path.length > i + 2
          ? place('attention', 'self')
          : { module: join(i + 2), layer, block: 'self', stage: 'other' };
      }
      return place('attention', 'self');
    }
    if (attentionNorms.test(word)) return place('attn-norm', 'self');
    if (crossNorms.test(word)) return place('attn-norm', 'cross');
    if (mlpNorms.test(word)) return place('mlp-norm', null);
    if (/^output$/i.test(word) && normWord.test(path[i + 1] ?? '')) return place('mlp-norm', null, i + 2);
    if (/^output$/i.test(word) && path.length === i + 1)
      return { module: join(i + 1), layer, block: null, stage: 'other' };
    if (mlpWords.test(word)) return place('mlp', null);
  }
  return { module: join(at + 1), layer, block: null, stage: 'layer' };
}
