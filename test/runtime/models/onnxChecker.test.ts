/** Saved built-in models are ordinary ONNX: what Debian's `onnx` says of them. It knows opsets up to 17. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildModel, builtinModels, serializeModel } from '../../../src/core/models';
import { pythonCode } from '../../support/python';

/**
 * Every tensor has to have an inferred shape: one unknown dimension makes ONNX Runtime's memory planner slow. Prints
 * those without, then a shape of scores and of a layer's end.
 */
const script = `
import sys, onnx
for path, scores, states in zip(*[iter(sys.argv[1:])] * 3):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    known = {}
    for v in [*inferred.graph.value_info, *inferred.graph.output]:
        known[v.name] = [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
    wanted = [o for n in model.graph.node for o in n.output]
    print([o for o in wanted if o not in known or None in known[o] or 0 in known[o] or '' in known[o]],
          known[scores], known[states])
`;

const models: readonly (readonly [id: string, scores: string, states: string, expected: string])[] = [
  [
    'kimi-k2-mini',
    '/model/layers.3/self_attn/Softmax',
    '/model/layers.3/Add_1',
    "['batch', 4, 'sequence', 'sequence'] ['batch', 'sequence', 64]",
  ],
  [
    'llama-mini',
    '/model/layers.3/self_attn/Softmax',
    '/model/layers.3/Add_1',
    "['batch', 4, 'sequence', 'sequence'] ['batch', 'sequence', 64]",
  ],
  [
    'gpt2-mini',
    '/transformer/h.3/attn/Softmax',
    '/transformer/h.3/Add_1',
    "['batch', 4, 'sequence', 'sequence'] ['batch', 'sequence', 64]",
  ],
  [
    'bert-mini',
    '/encoder/layer.3/attention/self/Softmax',
    '/encoder/layer.2/output/LayerNorm/LayerNormalization',
    "['batch', 4, 'sequence', 'sequence'] ['batch', 'sequence', 64]",
  ],
  [
    't5-mini',
    '/decoder/block.2/layer.1/EncDecAttention/Softmax',
    '/decoder/block.2/layer.2/Add',
    "['batch', 4, 'decoder_sequence', 'encoder_sequence'] ['batch', 'decoder_sequence', 64]",
  ],
];

describe('an independent ONNX checker', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nanoscope-checker-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('is asked of every built-in model', () => {
    expect(models.map(([id]) => id)).toEqual(builtinModels.map(({ id }) => id));
  });

  it.each(models)('accepts %s, shapes inferred throughout', async (id, scores, states, expected) => {
    const kinds = ['eager-add', 'eager-where', 'finfo-min'];
    const args: string[] = [];
    for (const kind of kinds) {
      const file = join(folder, `${id}-${kind}.onnx`);
      await writeFile(file, serializeModel(buildModel(`builtin:${id}?attention=${kind}`).proto));
      args.push(file, `${scores}_output_0`, `${states}_output_0`);
    }
    const text = await pythonCode(script, ...args);
    expect(text.trim().split('\n')).toEqual(kinds.map(() => `[] ${expected}`));
  });
});
