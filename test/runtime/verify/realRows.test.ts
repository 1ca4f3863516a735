/** A real token that may attend to nothing: its attention is 0, which is what every fix is measured by. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { ModelProto } from 'onnx-buf';
import type { FixResult, Report } from '../../../src/core/report';
import { diagnosedModel } from '../../support/diagnosing';
import { f32, intList, int, named } from '../../support/tinyAttention';
import { model, node, value } from '../../unit/onnx/support';

/** y = x + softmax(x·xᵀ + bias)·x, lengths open. */
const attention: ModelProto = model(
  {
    name: 'attention',
    input: [value('x', ['batch', 'sequence', 2]), value('attn_mask', ['batch', 'sequence', 'sequence'])],
    output: [value('y', ['batch', 'sequence', 2])],
    node: [
      node('Identity', ['x'], ['q']),
      named('/layers.0/self_attn/Transpose', 'Transpose', ['x'], 'kt', intList('perm', [0, 2, 1])),
      named('/layers.0/self_attn/MatMul', 'MatMul', ['q', 'kt'], 'scores'),
      named('/layers.0/self_attn/Add', 'Add', ['scores', 'attn_mask'], 'masked'),
      named('/layers.0/self_attn/Softmax', 'Softmax', ['masked'], 'p', int('axis', -1)),
      named('/layers.0/self_attn/MatMul_1', 'MatMul', ['p', 'x'], 'mixed'),
      named('/layers.0/Add', 'Add', ['x', 'mixed'], 'y'),
    ],
  },
  { opsetImport: [{ domain: '', version: 17n }] },
);

const size = 5;
/** Causal; sample 0 has padding at 0 and its query 3, a real token, sees no key. */
const open = (sample: number, query: number, key: number): boolean =>
  key <= query && (sample === 1 || (key > 0 && query !== 3));
const grid = [0, 1].flatMap((sample) =>
  Array.from({ length: size * size }, (_, i) => (open(sample, Math.floor(i / size), i % size) ? 0 : -Infinity)),
);

describe('a real row without any key', () => {
  let report: Report;
  beforeAll(async () => {
    report = await diagnosedModel(attention, {
      x: f32(
        [2, size, 2],
        Array.from({ length: 4 * size }, (_, i) => Math.sin(i)),
      ),
      attn_mask: f32([2, size, size], grid),
    });
  });
  const fix = (id: string): FixResult => {
    const found = report.fixes?.find((one) => one.id === id);
    if (!found) throw new Error(`no fix ${id}`);
    return found;
  };

  it('is born at the padding and at that row', () => {
    expect(report.batch.roles).toEqual(['prrrr', 'rrrrr']);
    expect(report.origins[0]).toMatchObject({ mechanism: 'fully-masked-row', positions: ['0,3', ''] });
  });

  it('gives attention 0 in the reference: what zeroes such rows heals, what fills them with something else hides', () => {
    expect(fix('zero-masked-rows')).toMatchObject({ verdict: 'heals', reference: 'unpadded' });
    expect(fix('nan-to-num-softmax')).toMatchObject({ verdict: 'heals' });
    expect(fix('unmask-rows')).toMatchObject({ verdict: 'hides', nanAfter: 0 });
    expect(fix('finite-mask')).toMatchObject({ verdict: 'hides', nanAfter: 0 });
    expect(report.recommendation?.fix).toMatch(/^(zero-masked-rows|nan-to-num-softmax)$/);
  });

  it('differs by what the average of all keys is, worked out by hand', () => {
    const x = Array.from({ length: 2 * size }, (_, i) => Math.sin(i));
    const at = (row: number, k: number): number => x[2 * row + k] ?? 0;
    // Opened everywhere, query 3 mixes all five rows by its scores.
    const weights = Array.from({ length: size }, (_, key) => Math.exp(at(3, 0) * at(key, 0) + at(3, 1) * at(key, 1)));
    const sum = weights.reduce((a, b) => a + b, 0);
    const mixed = [0, 1].map((k) => weights.reduce((all, weight, key) => all + (weight / sum) * at(key, k), 0));
    expect(fix('unmask-rows').realMaxAbsDiff).toBeCloseTo(Math.max(...mixed.map(Math.abs)), 5);
  });
});
