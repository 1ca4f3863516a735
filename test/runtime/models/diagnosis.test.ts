/** What the diagnosis says of the built-in models: where NaN is born, how it gets on, and which fixes heal. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeNpz } from '../../../src/core/batch/npz';
import type { PadSide } from '../../../src/core/batch/types';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { verdictSentence } from '../../../src/core/trace/verdict';
import { diagnosed } from '../../support/diagnosing';
import { emptySample, leftPaddedDecoder, leftPaddedEncoderDecoder, verdictsOf } from '../../support/verdicts';

const batch = (lengths: readonly number[], pad: PadSide) => ({ lengths: { lengths, pad, seed: 1 } });
const short = (list: Report['origins'] | Report['spread']) =>
  list.map(({ node, mechanism, positions }) => [node, mechanism, positions]);

/** The module of each layer's self-attention, in it the node that adds the mask (Llama's rotation adds before), fixes. */
const decoders: readonly (readonly [string, (layer: number) => string, string, ReturnType<typeof verdictsOf>])[] = [
  ['llama-mini', (layer) => `/model/layers.${String(layer)}/self_attn`, 'Add_2', leftPaddedDecoder],
  ['gpt2-mini', (layer) => `/transformer/h.${String(layer)}/attn`, 'Add', leftPaddedDecoder],
  ['t5-mini', (layer) => `/decoder/block.${String(layer)}/layer.0/SelfAttention`, 'Add', leftPaddedEncoderDecoder],
];

describe.each(decoders)('%s, 5 and 35 tokens, padded left', (id, attention, maskNode, expected) => {
  it('eager-add: one birth at 30 pads of layer 0, all of the sample from layer 1 on; fixes of masks heal', async () => {
    const report = await diagnosed({ model: `builtin:${id}?layers=2`, ...batch([5, 35], 'left') });
    expect(report.batch.roles).toEqual(['p'.repeat(30) + 'r'.repeat(5), 'r'.repeat(35)]);
    expect(short(report.origins)).toEqual([[`${attention(0)}/Softmax`, 'fully-masked-row', ['0-29', '']]]);
    // 4 heads, grouped or not.
    expect(report.origins[0]?.evidence).toMatchObject({ rows: 30, rowsInAllHeads: 120, keys: 35, negInfInRow: 35 });
    expect(short(report.spread)).toEqual([[`${attention(1)}/${maskNode}`, 'nan-plus-minus-inf', ['30-34', '']]]);
    expect(report.outputs).toMatchObject([{ name: 'logits', nanAt: ['0-34', ''] }]);
    expect(verdictsOf(report)).toEqual(expected);
  });

  it('eager-where: born again in every layer, carried to real tokens by 0 · NaN', async () => {
    const model = `builtin:${id}?layers=3&attention=eager-where`;
    const report = await diagnosed({ model, ...batch([5, 35], 'left') });
    expect(short(report.origins)).toEqual(
      [0, 1, 2].map((layer) => [`${attention(layer)}/Softmax`, 'fully-masked-row', ['0-29', '']]),
    );
    expect(short(report.spread)).toEqual([[`${attention(1)}/MatMul_1`, 'zero-times-nan', ['30-34', '']]]);
    expect(verdictsOf(report)).toEqual(expected);
  });
});

describe('no origin, no crossing, nothing to heal', () => {
  it.each<[string, readonly number[], PadSide]>([
    ['llama-mini', [5, 35], 'right'],
    ['llama-mini?attention=finfo-min', [5, 35], 'left'],
    ['llama-mini?attention=fused', [5, 35], 'left'],
    ['gpt2-mini', [5, 35], 'right'],
    ['gpt2-mini?positions=arange', [12, 12], 'none'],
    ['gpt2-mini?attention=finfo-min', [5, 35], 'left'],
    // Only keys are masked: a row is fully masked nowhere, whichever side is padded.
    ['bert-mini', [5, 35], 'left'],
    ['bert-mini', [5, 35], 'right'],
    ['bert-mini?attention=fused', [5, 35], 'left'],
    // Its position bias takes the logarithm of distance 0, −∞, and throws it away.
    ['t5-mini', [5, 35], 'right'],
    ['t5-mini?attention=finfo-min', [5, 35], 'left'],
    ['t5-mini?attention=fused', [5, 35], 'right'],
    ['kimi-k2-mini?attention=fused', [5, 35], 'left'],
  ])('%s, %j, padding: %s', async (name, lengths, pad) => {
    const report = await diagnosed({ model: `builtin:${name}`, ...batch(lengths, pad) });
    expect([report.origins, report.spread, report.fixes ?? []]).toEqual([[], [], []]);
    const cells = report.table.flatMap((row) => row.samples ?? []);
    expect(cells.every(({ nan }) => nan === 0)).toBe(true);
    expect(report.table.every((row) => row.samples !== null)).toBe(true);
    expect(report.batch.samples).toBe(2);
  });
});

describe('bert-mini, an empty sample', () => {
  it('is fully masked in every row of layer 0, and nobody else is touched', async () => {
    const report = await diagnosed({ model: 'builtin:bert-mini?layers=2', ...batch([0, 12], 'right') });
    expect(short(report.origins)).toEqual([
      ['/encoder/layer.0/attention/self/Softmax', 'fully-masked-row', ['0-11', '']],
    ]);
    expect(report.spread).toEqual([]);
    expect(report.outputs.map(({ name, of, nanAt }) => [name, of, nanAt])).toEqual([
      ['last_hidden_state', 12, ['0-11', '']],
      ['pooler_output', 1, ['0', '']],
    ]);
    expect(verdictsOf(report)).toEqual(emptySample);
  });
});

describe('t5-mini, a sample whose memory is empty while its target is real', () => {
  const int64 = (dims: readonly number[], at: (i: number) => number): TensorData => ({
    dtype: 'int64',
    dims,
    data: BigInt64Array.from({ length: (dims[0] ?? 0) * (dims[1] ?? 0) }, (_, i) => BigInt(at(i))),
  });
  const inputs = {
    input_ids: int64([2, 6], (i) => (i < 6 ? 3 * i + 1 : 0)),
    attention_mask: int64([2, 6], (i) => (i < 6 ? 1 : 0)),
    decoder_input_ids: int64([2, 4], (i) => 5 * i + 2),
    decoder_attention_mask: int64([2, 4], () => 1),
  };
  const encoder = (block: number): string => `/encoder/block.${String(block)}/layer.0/SelfAttention`;
  const cross = (block: number): string => `/decoder/block.${String(block)}/layer.1/EncDecAttention`;

  async function diagnose(attention: string): Promise<Report> {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-memory-'));
    try {
      const inputsFile = join(folder, 'inputs.npz');
      await writeFile(inputsFile, writeNpz(inputs));
      return await diagnosed({ model: `builtin:t5-mini?layers=2&attention=${attention}`, inputsFile });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  it('eager-add: born in the encoder, carried over by the first cross-attention', async () => {
    const report = await diagnose('eager-add');
    expect(short(report.origins)).toEqual([[`${encoder(0)}/Softmax`, 'fully-masked-row', ['', '0-5']]]);
    expect(short(report.spread)).toEqual([[`${cross(0)}/Add`, 'nan-plus-minus-inf', ['', '0-3']]]);
    expect(report.origins[0]).toMatchObject({ side: 'encoder', layer: 0, block: 'self', stage: 'attention' });
    expect(report.spread[0]).toMatchObject({ side: 'decoder', layer: 0, block: 'cross', stage: 'attention' });
    expect(verdictSentence(report)).toMatch(
      /born in encoder layer 0 attention .* in decoder layer 0 cross-attention NaN/,
    );
    const row = report.table.find((one) => one.block === 'cross' && one.layer === 0 && one.stage === 'attention');
    expect(row?.samples?.map(({ nanAt, real, pad }) => [nanAt, real, pad])).toEqual([
      ['', 4, 0],
      ['', 4, 0],
    ]);
  });

  it('eager-where: born at real tokens too, in every cross-attention', async () => {
    const { origins } = await diagnose('eager-where');
    const born = short(origins);
    expect(born).toHaveLength(4);
    for (const block of [0, 1]) {
      expect(born).toContainEqual([`${encoder(block)}/Softmax`, 'fully-masked-row', ['', '0-5']]);
      expect(born).toContainEqual([`${cross(block)}/Softmax`, 'fully-masked-row', ['', '0-3']]);
    }
  });

  it.each(['eager-add', 'eager-where'])(
    '%s: attending to nothing is 0; a fix that attends to padding instead hides',
    async (attention) => {
      const report = await diagnose(attention);
      const { heals, hides } = verdictsOf(report);
      expect(heals).toEqual(expect.arrayContaining(['nan-to-num-softmax', 'zero-masked-rows']));
      expect(hides).toEqual(expect.arrayContaining(['unmask-rows', 'drop-padding-mask']));
      expect(new Set(report.fixes?.map(({ reference }) => reference))).toEqual(new Set(['unpadded']));
      expect(report.recommendation?.fix).toBe(report.fixes?.find(({ kind }) => kind === 'graph')?.id);
    },
  );
});
