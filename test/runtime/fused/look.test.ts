/** What the static look says of padding, against what runs of the same model then show. */
import { describe, expect, it } from 'vitest';
import { staticLook } from '../../../src/app/look/staticLook';
import type { MaskLook, Report } from '../../../src/core/report';
import { diagnosed, diagnosedModel, fixture, realDeps } from '../../support/diagnosing';
import { ints as intTensor, lowest } from '../../support/tinyAttention';
import { staticLookSchema } from '../../support/reportSchema';
import { f32, fusedModel, i64, mhaBias, mhaKeys, padded, standard } from './support';

const fixes = { fixes: false };
const looks = (report: Report): readonly MaskLook[] => report.staticLook?.masks ?? [];
const cases = ({ left, right, empty }: MaskLook): string[] => [left, right, empty].map((one) => one.verdict);
const outcomes = ({ left, right, empty }: MaskLook): string[] => [left, right, empty].map((one) => one.confirmed);

describe('models that PyTorch exported', () => {
  it.each([
    ['a1_mla_leftpad_inf_add_op13', ['fully-masked', 'safe', 'fully-masked'], '-Infinity', 'left', 'confirmed'],
    ['a3_mla_leftpad_finfo_min_op13', ['fully-masked', 'safe', 'fully-masked'], 'finite', 'left', 'confirmed'],
    ['a5_mla_rightpad_inf_add_op11', ['fully-masked', 'safe', 'fully-masked'], '-Infinity', 'right', 'confirmed'],
    ['b1_bert_one_empty_sample_op14', ['safe', 'safe', 'fully-masked'], '-Infinity', 'empty', 'confirmed'],
  ] as const)('%s', async (name, verdicts, fill, side, outcome) => {
    const report = await diagnosed({
      model: fixture(`${name}.onnx`),
      inputsFile: fixture(`${name}.inputs.npz`),
      ...fixes,
    });
    for (const look of looks(report)) {
      expect(cases(look)).toEqual(verdicts);
      expect(look.fill).toBe(fill);
      expect(look[side].confirmed).toBe(outcome);
      expect(look.confirmed).toBe('confirmed');
    }
    expect(looks(report).flatMap((look) => look.nodes).length).toBe(report.model.attention.length);
  });

  it('says it before any run, without inputs', async () => {
    const { staticLook: look } = await staticLook(await realDeps(), {
      model: fixture('a1_mla_leftpad_inf_add_op13.onnx'),
    });
    staticLookSchema.parse(look);
    expect(look.masks).toHaveLength(1);
    expect(look.masks[0]?.sentence).toMatch(/^Row 0 is fully masked whenever position 0 is padding\./);
    expect(look.masks[0]?.sentence).toMatch(/Padding at the right masks no whole row.*NaN/);
    expect(look.masks[0]?.confirmed).toBe('not-tested');
  });
});

describe('every built-in model, attention and padding', () => {
  const models = [
    'kimi-k2-mini?layers=2',
    'llama-mini?layers=2',
    'gpt2-mini?layers=2',
    'bert-mini?layers=2',
    't5-mini?layers=2',
  ];
  const kinds = ['eager-add', 'eager-where', 'finfo-min', 'fused'];
  const fills: Readonly<Record<string, MaskLook['fill']>> = { 'finfo-min': 'finite', fused: 'zeros' };
  const batches = [
    ['left', [2, 5]],
    ['right', [2, 5]],
    ['right', [0, 5]],
  ] as const;
  it.each(models.flatMap((model) => kinds.map((kind) => [model, kind] as const)))('%s, %s', async (model, kind) => {
    for (const [pad, lengths] of batches) {
      const report = await diagnosed({
        model: `builtin:${model}&attention=${kind}`,
        lengths: { lengths, pad, seed: 1 },
        ...fixes,
      });
      const side = lengths[0] === 0 ? 'empty' : pad;
      const born = report.origins.some(({ mechanism }) => mechanism === 'fully-masked-row');
      expect(report.origins.length > 0).toBe(born);
      for (const look of looks(report)) {
        // What stands behind a birth is NaN before its own mask can be tested: T5's decoder reads the encoder.
        const behind = born && look.nodes.every((node) => node.includes('EncDec'));
        expect(behind ? ['confirmed', 'not-tested'] : ['confirmed']).toContain(look[side].confirmed);
        expect(look.confirmed).toBe(look[side].confirmed);
        if (look.fill !== null) expect(look.fill).toBe(fills[kind] ?? '-Infinity');
      }
      // Something is born if and only if the look said that rows of −inf come of such padding.
      const said = looks(report).some((look) => look.fill === '-Infinity' && look[side].verdict === 'fully-masked');
      expect(born).toBe(said);
      expect(looks(report).flatMap(({ nodes }) => nodes)).toHaveLength(report.model.attention.length);
    }
  });
});

describe('masks', () => {
  it.each<[string, Parameters<typeof fusedModel>, MaskLook['fill']]>([
    ['attention bias of −inf', [[mhaBias]], '-Infinity'],
    ['attention bias of the lowest number', [[mhaBias], { fill: lowest }], 'finite'],
    ['key padding mask', [[mhaKeys()]], 'finite'],
    ['standard operator', [[standard('allowed')]], 'zeros'],
  ])('fused, %s', async (_, made, fill) => {
    const report = await diagnosedModel(fusedModel(...made), padded(3), fixes);
    const [look] = looks(report);
    expect(look).toMatchObject({
      kind: 'fused',
      fill,
      left: { verdict: 'fully-masked', rows: '0', rowsAtMost: '0-3' },
    });
    expect(look && outcomes(look)).toEqual(['confirmed', 'not-tested', 'not-tested']);
    expect(report.batch.rolesFrom).toContain('attention_mask (1 = real, by its effect on the scores)');
  });

  it('two layers with the same mask are one entry', async () => {
    const [look, ...more] = looks(await diagnosedModel(fusedModel([mhaBias, mhaBias]), padded(3), fixes));
    expect(more).toEqual([]);
    expect(look?.layers).toEqual([0, 1]);
  });

  it('a mask that is made of the ids', async () => {
    const { x } = padded(3);
    if (!x) throw new Error('no x');
    const inputs = { x, input_ids: i64([2, 5], [7, 7, 3, 4, 5, 1, 2, 3, 4, 5]) };
    const report = await diagnosedModel(fusedModel([mhaBias], { maskFromIds: 7 }), inputs, fixes);
    expect(report.staticLook?.paddingInputs).toEqual(['input_ids']);
    expect(looks(report)[0]).toMatchObject({ left: { verdict: 'fully-masked', rows: '0', confirmed: 'confirmed' } });
  });

  it('no mask at all: padding cannot mask anything', async () => {
    const open = { ...mhaBias, inputs: ['q', 'k', 'v'] };
    const report = await diagnosedModel(fusedModel([open]), padded(3), fixes);
    expect(report.staticLook?.paddingInputs).toEqual([]);
    expect(looks(report)[0]).toMatchObject({ fill: null, left: { verdict: 'safe' }, empty: { verdict: 'safe' } });
    expect(looks(report)[0]?.sentence).toMatch(/No padding mask reaches this attention/);
  });

  it('a window of keys: one pad at the right is safe, a long padding is not', async () => {
    const proto = fusedModel([mhaBias]);
    const window = proto.graph?.initializer.find(({ name }) => name === 'earlier');
    if (!window) throw new Error('no causal mask');
    // Each query sees itself and the key before it.
    window.int32Data = Array.from({ length: 25 }, (_, i) => ([0, 1].includes(Math.floor(i / 5) - (i % 5)) ? 1 : 0));
    const report = await diagnosedModel(proto, padded(2, 'right'), fixes);
    expect(looks(report)[0]).toMatchObject({
      right: { verdict: 'fully-masked', rows: '', rowsAtMost: '2-4', confirmed: 'confirmed' },
    });
    expect(looks(report)[0]?.sentence).toContain('Rows 2–4 of a sample with a single real token, right-padded, are');
  });

  it('a mask of every query and key is its maker’s business', async () => {
    const proto = fusedModel([{ ...mhaBias, inputs: ['q', 'k', 'v', '', '', 'given'] }], {
      initializer: [intTensor('unused', [0])],
    });
    proto.graph?.input.push({ ...proto.graph.input[0], name: 'given' } as never);
    const bias = f32([2, 1, 5, 5], new Array<number>(50).fill(0));
    const input = proto.graph?.input.at(-1);
    const type = input?.type?.value;
    if (type?.case === 'tensorType' && input?.type) {
      const dim = [2, 1, 5, 5].map((size) => ({
        ...type.value.shape?.dim[0],
        value: { case: 'dimValue', value: BigInt(size) },
      }));
      input.type = {
        ...input.type,
        value: { case: 'tensorType', value: { ...type.value, shape: { ...type.value.shape, dim } } },
      } as never;
    }
    const report = await diagnosedModel(proto, { ...padded(5), given: bias }, fixes);
    expect(looks(report)[0]).toMatchObject({ left: { verdict: 'unknown' }, confirmed: 'not-tested' });
    expect(looks(report)[0]?.sentence).toMatch(/not known: the mask is made of given/);
  });
});
