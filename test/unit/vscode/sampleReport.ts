/** A small report in the contract's shape: two samples of three positions, the first with one pad and NaN there. */
import type { Report, SampleHealth } from '../../../src/core/report';

const health = (nan: number, pad: number): SampleHealth => ({
  nan,
  of: 3,
  padNan: nan,
  pad,
  realNan: 0,
  real: 3 - pad,
  posInf: 0,
  negInf: 0,
  absMax: 1.5,
  min: -1.5,
  max: 1,
  norm: 2,
  nanAt: nan === 0 ? '' : `0-${String(nan - 1)}`,
});

export function sampleReport(name = 'sick.onnx'): Report {
  return {
    schemaVersion: 1,
    model: { name, source: 'file', opset: 17, layers: 1, attention: [] },
    engine: { name: 'onnxruntime-node', version: '1.30.0', optimization: 'disabled' },
    batch: {
      samples: 2,
      positions: 3,
      padding: ['left', 'none'],
      roles: ['prr', 'rrr'],
      inputs: { input_ids: { dtype: 'int64', shape: [2, 3] }, attention_mask: { dtype: 'int64', shape: [2, 3] } },
      rolesFrom: 'attention_mask, 1 means real',
    },
    outputs: [{ name: 'logits', nanPositions: [1, 0], of: 3, nanAt: ['0', ''] }],
    table: [
      {
        layer: 0,
        block: 'self',
        stage: 'attention',
        port: 'out',
        label: 'layers.0.self_attn',
        tensor: 'attn',
        node: '/layers.0/self_attn/MatMul',
        op: 'MatMul',
        axes: 'tokens',
        dtype: 'float32',
        shape: [2, 3, 4],
        samples: [health(1, 1), health(0, 0)],
      },
    ],
    origins: [
      {
        tensor: 'probs',
        node: '/layers.0/self_attn/Softmax',
        op: 'Softmax',
        layer: 0,
        block: 'self',
        stage: 'attention',
        positions: ['0', ''],
        evidence: { rows: 1, row: ['-Infinity', '-Infinity'] },
        explanation: 'One row is fully masked.',
        mechanism: 'fully-masked-row',
      },
    ],
    spread: [],
    silent: [],
    fixes: [
      {
        id: 'unmask-rows',
        title: 'Unmask rows that are fully masked',
        verdict: 'heals',
        reason: 'No NaN is left.',
        reference: 'unpadded',
        nanAfter: 0,
        realNanAfter: 0,
        realMaxAbsDiff: 1e-6,
        tolerance: 1e-5,
        topTokenSame: true,
        costRatio: 1.02,
        edits: 2,
      },
    ],
    notes: [],
  };
}
