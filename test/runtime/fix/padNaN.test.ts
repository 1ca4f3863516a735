/**
 * NaN that is born at padding before any attention (its embedding is damaged), in every form of attention: which fixes
 * keep it from real tokens. No row is fully masked by these masks alone.
 */
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../../src/core/models';
import { attentionKinds } from '../../../src/core/models/masks';
import { decodeTensor, encodeTensor } from '../../../src/core/onnx/tensors';
import type { ModelProto } from 'onnx-buf';
import { fixNamed, outcome, patched, patientOf } from '../../support/fixing';

/** The model with NaN in the embedding of id 0, which padding holds. */
function damaged(uri: string): ModelProto {
  const { proto } = buildModel(uri);
  const table = proto.graph?.initializer.find(({ name }) => /embed_tokens|wte|word_embeddings/.test(name));
  const value = table ? decodeTensor(table) : null;
  if (!table || !value) throw new Error('no embedding');
  const data = Float32Array.from(value.data as Float32Array);
  data.fill(NaN, 0, value.dims[1]);
  table.rawData = encodeTensor('', { ...value, data }).rawData;
  return proto;
}

/** GPT-2's table is its head as well, where NaN in a row makes every logit of that id NaN. */
describe.each(['kimi-k2-mini', 'llama-mini', 'bert-mini'])('%s', (id) => {
  it.each(attentionKinds)('%s', async (kind) => {
    const proto = damaged(`builtin:${id}?layers=2&attention=${kind}`);
    const who = await patientOf(proto, null, { lengths: { lengths: [3, 7], pad: 'right', seed: 1 } });
    expect(who.report.origins.map(({ mechanism }) => mechanism)).toEqual(['nan-in-weights']);
    const after = async (fix: string) => {
      const plan = fixNamed(fix).plan(who.context);
      if (!plan.applies) throw new Error(`${fix} declines: ${plan.reason}`);
      const { nan, realNaN, difference } = await outcome(who, patched(proto, plan));
      return { nan: nan[0], realNaN, equal: difference <= 1e-5 };
    };
    expect(await outcome(who, proto)).toMatchObject({ nan: [7, 0], realNaN: 3 });
    // The hidden states of padding stay NaN, as nothing mends where it is born; real tokens are what they should be.
    for (const fix of ['zero-pad-hidden', 'mask-with-where'])
      expect(await after(fix), fix).toEqual({ nan: 4, realNaN: 0, equal: true });
    expect(await after('clean-weights')).toEqual({ nan: 0, realNaN: 0, equal: true });
    // Neither keeps NaN out of keys and values.
    for (const fix of ['multiply-by-mask', 'zero-pad-attention-output'])
      expect(await after(fix), fix).toEqual({ nan: 7, realNaN: 3, equal: false });
  });
});
