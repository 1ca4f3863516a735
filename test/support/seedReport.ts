/**
 * The report of the investigation that the product grew out of, written down by hand: 5 and 35 tokens, left padded,
 * NaN born in layer 0's softmax at 30 pad positions, carried to every real token in layer 1. `layers` beyond 2
 * repeat layer 1's end state. Truth for the text renderers, which never see an engine in their tests.
 */
import type { Report, SampleHealth, Stage, TableRow } from '../../src/core/report';

const positions = 35;

/** Health of sample 0 (30 pads, then 5 real tokens) when `nanAt` names its NaN positions; 0, 30 or 35 of them. */
export function paddedSample(nan: 0 | 30 | 35): SampleHealth {
  return {
    nan,
    of: positions,
    padNan: nan === 0 ? 0 : 30,
    pad: 30,
    realNan: nan === 35 ? 5 : 0,
    real: 5,
    posInf: 0,
    negInf: 0,
    absMax: nan === 35 ? null : 1.25,
    min: nan === 35 ? null : -1.25,
    max: nan === 35 ? null : 0.75,
    norm: nan === 35 ? null : 0.86,
    nanAt: nan === 0 ? '' : nan === 30 ? '0-29' : '0-34',
  };
}

export const cleanSample: SampleHealth = {
  nan: 0,
  of: positions,
  padNan: 0,
  pad: 0,
  realNan: 0,
  real: 35,
  posInf: 0,
  negInf: 0,
  absMax: 2.5,
  min: -2.5,
  max: 2.25,
  norm: 1.5,
  nanAt: '',
};

export function row(
  layer: number | null,
  stage: Stage,
  label: string,
  nan: 0 | 30 | 35,
  port: 'in' | 'out' = 'out',
): TableRow {
  const path = `/${label.replaceAll('.', '/')}`;
  return {
    layer,
    block: stage === 'attention' ? 'self' : null,
    stage,
    port,
    label,
    tensor: `${path}/output_0`,
    node: path,
    op: 'Add',
    axes: 'tokens',
    dtype: 'float32',
    shape: [2, positions, 64],
    samples: [paddedSample(nan), cleanSample],
  };
}

function layerRows(layer: number, before: 0 | 30 | 35, after: 30 | 35): TableRow[] {
  const at = `layers.${String(layer)}`;
  return [
    row(layer, 'attn-norm', `${at}.input_layernorm`, before, 'in'),
    row(layer, 'attn-norm', `${at}.input_layernorm`, before),
    row(layer, 'attention', `${at}.self_attn`, after),
    row(layer, 'mlp-norm', `${at}.post_attention_layernorm`, after),
    row(layer, 'mlp', `${at}.mlp`, after, 'in'),
    row(layer, 'mlp', `${at}.mlp`, after),
    row(layer, 'layer', at, after),
  ];
}

export function seedReport(layers = 2): Report {
  return {
    schemaVersion: 1,
    model: {
      name: 'kimi-k2-mini.onnx',
      source: 'file',
      opset: 17,
      layers,
      attention: Array.from({ length: layers }, (_, layer) => ({
        layer,
        kind: 'eager' as const,
        op: 'Softmax',
        node: `/layers.${String(layer)}/self_attn/Softmax`,
        kvGroups: 1,
      })),
    },
    engine: { name: 'onnxruntime-node', version: '1.30.0', optimization: 'disabled' },
    batch: {
      samples: 2,
      positions,
      padding: ['left', 'none'],
      roles: ['p'.repeat(30) + 'r'.repeat(5), 'r'.repeat(35)],
      inputs: {
        input_ids: { dtype: 'int64', shape: [2, positions] },
        attention_mask: { dtype: 'int64', shape: [2, positions] },
      },
      rolesFrom: 'the input attention_mask (1 = real)',
    },
    outputs: [{ name: 'logits', nanPositions: [35, 0], of: positions, nanAt: ['0-34', ''] }],
    table: [
      row(null, 'embed', 'embed_tokens', 0),
      ...Array.from({ length: layers }, (_, layer) =>
        layerRows(layer, layer === 0 ? 0 : layer === 1 ? 30 : 35, layer === 0 ? 30 : 35),
      ).flat(),
      row(null, 'final-norm', 'norm', 35),
      row(null, 'logits', 'lm_head', 35),
    ],
    origins: [
      {
        tensor: '/layers.0/self_attn/Softmax_output_0',
        node: '/layers.0/self_attn/Softmax',
        op: 'Softmax',
        layer: 0,
        block: 'self',
        stage: 'attention',
        mechanism: 'fully-masked-row',
        positions: ['0-29', ''],
        evidence: { rows: 30, heads: 4, allMinusInf: true },
        explanation:
          'Causal mask and padding mask together leave nothing for query positions 0-29 of sample 0: every score is −inf, and Softmax of such a row is NaN.',
      },
    ],
    spread: [
      {
        tensor: '/layers.1/self_attn/Add_output_0',
        node: '/layers.1/self_attn/Add',
        op: 'Add',
        layer: 1,
        block: 'self',
        stage: 'attention',
        mechanism: 'nan-plus-minus-inf',
        positions: ['30-34', ''],
        evidence: { maskedNanScores: 150 },
        explanation:
          'The keys at 0-29 are NaN, so their scores are NaN; the mask adds −inf to them, and NaN + (−inf) is NaN still.',
      },
    ],
    silent: [],
    fixes: [
      {
        id: 'unmask-rows',
        title: 'Unmask fully masked rows',
        verdict: 'heals',
        reason: '',
        reference: 'unpadded',
        nanAfter: 0,
        realNanAfter: 0,
        realMaxAbsDiff: 2.7e-6,
        tolerance: 1e-5,
        topTokenSame: true,
        costRatio: 1.02,
        edits: 4,
        paddingShift: null,
      },
      {
        id: 'zero-pads',
        title: 'Zero hidden states at pads by multiplying',
        verdict: 'fails',
        reason: 'NaN × 0 = NaN: 35 positions stay NaN.',
        reference: 'unpadded',
        nanAfter: 35,
        realNanAfter: 5,
        realMaxAbsDiff: 'NaN',
        tolerance: 1e-5,
        topTokenSame: false,
        costRatio: 1,
        edits: 2,
        paddingShift: null,
      },
    ],
    observer: {
      outputsBitEqual: true,
      userLevel: { level: 'all', sameNanPositions: true, maxAbsDiff: 4.3e-6 },
    },
    notes: [],
  };
}
