/**
 * `Attention` of the ONNX standard (opset 23 and 24), written out as its definition does: √scale on Q and on K,
 * Q·Kᵀ, mask, softmax, P·V. The engine's kernel gives 0 for a fully masked row; written out, the row is NaN.
 */
import type { GraphNode } from '../graph';
import { attribute, intAttribute } from '../graph';
import type { Around, Expansion } from './builder';
import { BodyBuilder } from './builder';
import { refuse } from './refusal';
import type { Core } from './softmaxCore';
import { attentionCore, causal } from './softmaxCore';

const names = ['Q', 'K', 'V', 'attn_mask', 'past_key', 'past_value', 'nonpad_kv_seqlen'];

/**
 * @param masksOnly what happens to the scores beside the mask does not matter.
 * @throws Refusal
 */
export function expandAttention(node: GraphNode, around: Around, masksOnly = false): Expansion {
  const has = (slot: number): boolean => (node.inputs[slot] ?? '') !== '';
  const shape = (slot: number): readonly number[] =>
    around.shape(node.inputs[slot] ?? '') ?? refuse(`the shape of its input ${names[slot] ?? ''} is not known`);
  if (has(6)) refuse('it takes the lengths of its keys as an input');
  if (!masksOnly && (attribute(node, 'softcap')?.f ?? 0) !== 0) refuse('it caps its scores');
  const body = new BodyBuilder(names.slice(0, node.inputs.length), around.dtype(node.inputs[0] ?? '') ?? 'float32');

  const [q, k, v] = [shape(0), shape(1), shape(2)];
  const flat = q.length === 3;
  const heads = flat ? intAttribute(node, 'q_num_heads', 0) : (q[1] ?? 0);
  const keyHeads = flat ? intAttribute(node, 'kv_num_heads', 0) : (k[1] ?? 0);
  if (heads === 0 || keyHeads === 0 || heads % keyHeads !== 0) refuse('its numbers of heads do not fit');
  const batch = q[0] ?? 1;
  const queries = q[flat ? 1 : 2] ?? 1;
  const newKeys = k[flat ? 1 : 2] ?? 1;
  const width = flat ? (q[2] ?? 0) / heads : (q[3] ?? 0);
  const valueWidth = flat ? (v[2] ?? 0) / keyHeads : (v[3] ?? 0);
  const query = flat ? body.splitHeads('Q', [batch, queries, heads, width]) : 'Q';
  let key = flat ? body.splitHeads('K', [batch, newKeys, keyHeads, width]) : 'K';
  let value = flat ? body.splitHeads('V', [batch, newKeys, keyHeads, valueWidth]) : 'V';
  const past = has(4) ? (shape(4)[2] ?? 0) : 0;
  if (has(4)) key = body.op('Concat', ['past_key', key], { axis: 2 }, 'present_key');
  if (has(5)) value = body.op('Concat', ['past_value', value], { axis: 2 }, 'present_value');
  const keys = past + newKeys;

  const masks: string[] = [];
  if (has(3)) {
    const own = shape(3);
    if ((own.at(-1) ?? 1) !== keys && own.at(-1) !== 1) refuse('its mask is shorter than its keys');
    masks.push(around.dtype(node.inputs[3] ?? '') === 'bool' ? body.additive('attn_mask') : 'attn_mask');
  }
  if (intAttribute(node, 'is_causal', 0) !== 0) masks.push(causal(body, queries, keys, past));
  const core: Core = {
    query,
    key,
    value,
    sizes: { batch, heads, keyHeads, queries, keys, width, valueWidth },
    masks,
    scale: attribute(node, 'scale')?.f ?? 1 / Math.sqrt(width),
    split: true,
  };
  const parts = attentionCore(body, core);
  // 1 is behind the cap, which there is none of here, and before the mask.
  const modes = [parts.scores, parts.scores, parts.masked, parts.probabilities];
  return body.body(
    [
      flat ? body.joinHeads(parts.output, [batch, queries, heads * valueWidth]) : parts.output,
      key,
      value,
      modes[intAttribute(node, 'qk_matmul_output_mode', 0)] ?? parts.scores,
    ],
    core,
  );
}
