/** Positions counted from the wrong end: wrong numbers without any NaN, told apart from what a fix of the NaN does. */
import { beforeAll, describe, expect, it } from 'vitest';
import { clone, create } from '@bufbuild/protobuf';
import { ModelProtoSchema, TypeProtoSchema, ValueInfoProtoSchema } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { buildModel } from '../../../src/core/models/index';
import type { FixResult, Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { mayBeApplied } from '../../../src/protocol/offered';
import { diagnosed, diagnosedModel } from '../../support/diagnosing';
import { bytesOf, run } from '../../support/fixing';
import { i64 } from '../../support/tinyAttention';

const find = (report: Report, id: string): FixResult => {
  const found = report.fixes?.find((one) => one.id === id);
  if (!found) throw new Error(`no fix ${id}`);
  return found;
};

const builtin = (query: string): ModelProto => {
  const built = buildModel(`builtin:gpt2-mini?layers=2&${query}`);
  return built.proto;
};

/** The columns 0 … n − 1 become an input of the model. */
function withFedPositions(proto: ModelProto): ModelProto {
  const copy = clone(ModelProtoSchema, proto);
  const { graph } = copy;
  const lookup = graph?.node.find(({ opType, input }) => opType === 'Gather' && (input[0] ?? '').includes('wpe'));
  if (!graph || !lookup) throw new Error('no table of positions');
  lookup.input[1] = 'position_ids';
  const dim = ['batch', 'sequence'].map((name) => ({ value: { case: 'dimParam' as const, value: name } }));
  graph.input.push(
    create(ValueInfoProtoSchema, {
      name: 'position_ids',
      type: create(TypeProtoSchema, { value: { case: 'tensorType', value: { elemType: 7, shape: { dim } } } }),
    }),
  );
  return copy;
}

const size = 9;
const lengths = [4, 9];
const ids = Array.from({ length: 2 * size }, (_, i) => 3 + ((i * 7) % 50));
const isReal = (i: number): boolean => i % size >= size - (lengths[Math.floor(i / size)] ?? 0);
const padded: Record<string, TensorData> = {
  input_ids: i64(
    [2, size],
    ids.map((id, i) => (isReal(i) ? id : 0)),
  ),
  attention_mask: i64(
    [2, size],
    ids.map((_, i) => (isReal(i) ? 1 : 0)),
  ),
};
const columns = i64(
  [2, size],
  ids.map((_, i) => i % size),
);

/** Largest difference of sample 0 run alone with its own positions, and with those of its columns. */
async function shiftByHand(): Promise<number> {
  const model = bytesOf(withFedPositions(builtin('positions=arange')));
  const own = ids.slice(size - 4, size);
  const logits = async (positions: readonly number[]): Promise<Float64Array> => {
    const feeds = {
      input_ids: i64([1, 4], own),
      attention_mask: i64([1, 4], [1, 1, 1, 1]),
      position_ids: i64([1, 4], positions),
    };
    const { data } = (await run(model, feeds)).logits ?? { data: Float64Array.of() };
    return data;
  };
  const right = await logits([0, 1, 2, 3]);
  const wrong = await logits([5, 6, 7, 8]);
  return right.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (wrong[i] ?? NaN))), 0);
}

describe.each([
  ['computed in the graph', builtin('positions=arange'), padded],
  ['fed', withFedPositions(builtin('positions=arange')), { ...padded, position_ids: columns }],
] as const)('columns as learned positions, %s', (how, proto, inputs) => {
  let report: Report;
  let shift: number;
  beforeAll(async () => {
    report = await diagnosedModel(proto, inputs);
    shift = await shiftByHand();
  });

  it('what padding shifts is told, and is what a sample alone with these positions shows', () => {
    const { paddingShift, verdict, realMaxAbsDiff } = find(report, 'unmask-rows');
    expect(paddingShift).toBeGreaterThan(0.1);
    expect(paddingShift).toBeCloseTo(shift, 4);
    expect(realMaxAbsDiff).toBeCloseTo(shift, 4);
    expect(verdict).toBe('hides');
  });

  it('counting positions over real tokens is proposed, beside a fix that clears the NaN', () => {
    const both = report.fixes?.find(({ kind }) => kind === 'combination');
    expect(both).toMatchObject({ verdict: 'heals', reference: 'unpadded', nanAfter: 0, topTokenSame: true });
    expect(both?.parts).toHaveLength(2);
    expect(both?.parts).toContain('position-ids-from-mask');
    // What is fed cannot be written into the model.
    expect(both?.fed).toEqual(how === 'fed' ? ['position-ids-from-mask'] : undefined);
    expect(both && mayBeApplied(both)).toBe(how !== 'fed');
    expect(both?.realMaxAbsDiff).toBeLessThan(1e-4);
    expect(report.recommendation?.fix).toBe(both?.id);
    expect(report.recommendation?.sentence).toMatch(/position/i);
  });

  it('so does padding at the right, where columns are positions', () => {
    expect(find(report, 'right-padding')).toMatchObject({ verdict: 'heals', kind: 'batch' });
    expect(find(report, 'right-padding').realMaxAbsDiff).toBeLessThan(1e-4);
    expect(find(report, 'no-padding').verdict).toBe('heals');
  });

  it(`ids alone ${how === 'fed' ? 'leave the NaN' : 'are no input'}`, () => {
    expect(find(report, 'position-ids-from-mask')).toMatchObject(
      how === 'fed' ? { verdict: 'fails', realNanAfter: 4 } : { verdict: 'declines' },
    );
  });
});

it('positions that are counted already shift nothing', async () => {
  const report = await diagnosed({
    model: 'builtin:gpt2-mini?layers=2&positions=counted',
    lengths: { lengths: [4, 9], pad: 'left', seed: 3 },
  });
  expect(find(report, 'unmask-rows')).toMatchObject({ verdict: 'heals' });
  expect(report.fixes?.every(({ paddingShift }) => paddingShift === undefined || (paddingShift ?? 0) < 1e-4)).toBe(
    true,
  );
  expect(report.fixes?.some(({ kind }) => kind === 'combination')).toBe(false);
});
