/** Each rule of birth: evidence that shows it, and evidence where it must decline. */
import { create } from '@bufbuild/protobuf';
import { NodeProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { explainBirth } from '../../../src/core/diagnose/births/index';
import type { BirthContext } from '../../../src/core/diagnose/births/types';
import type { Operands } from '../../../src/core/probe/inspect/operands';
import type { SoftmaxRows } from '../../../src/core/probe/inspect/softmaxRows';
import type { JsonNumber } from '../../../src/core/report';
import { clean } from '../../../src/core/trace/health';

const elements = (...pairs: (readonly JsonNumber[])[]): Operands => ({
  nanElements: pairs.length,
  examples: pairs.map((inputs, i) => ({ cell: i, at: [0, i], inputs })),
  groups: pairs.map((inputs, i) => ({ count: 1, cell: i, at: [0, i], inputs })),
  inputs: [],
});

function context(op: string, more: Partial<BirthContext>): BirthContext {
  return {
    birth: {
      node: {
        index: 0,
        name: `/x/${op}`,
        op,
        domain: '',
        inputs: ['a', 'b'],
        outputs: ['y'],
        captured: [],
        proto: create(NodeProtoSchema),
      },
      value: 'y',
      cells: clean,
    },
    dtype: 'float32',
    rows: null,
    plan: null,
    lane: null,
    operands: null,
    inputs: ['a', 'b'],
    nanWeights: [],
    stored: [],
    masks: null,
    where: '1 position of sample 0',
    sampleOf: () => 0,
    positionOf: (cell) => cell,
    ...more,
  };
}
const mechanism = (op: string, more: Partial<BirthContext>): string => explainBirth(context(op, more)).mechanism;

const maskedRows: SoftmaxRows = {
  rows: 8,
  allNegInf: 8,
  withPosInf: 0,
  withNaN: 0,
  maskedCells: 2,
  overflowCells: 0,
  example: { cell: 0, length: 3, negInf: 3, posInf: 0, nan: 0, values: ['-Infinity', '-Infinity', '-Infinity'] },
  looks: [],
};
const masks = { tensors: ['mask'], fullyMasked: 2, keys: 3 };

describe('fully-masked-row', () => {
  it('holds where the mask removes every key', () => {
    const found = explainBirth(context('Softmax', { rows: maskedRows, masks }));
    expect(found.mechanism).toBe('fully-masked-row');
    expect(found.evidence).toMatchObject({ rows: 2, rowsInAllHeads: 8, keys: 3, masks: ['mask'] });
    expect(found.explanation).toContain('all 3 keys');
  });

  it.each<[string, string, Partial<BirthContext>]>([
    ['+inf in most rows', 'Softmax', { rows: { ...maskedRows, withPosInf: 9, overflowCells: 9 }, masks }],
    ['NaN in a row', 'Softmax', { rows: { ...maskedRows, withNaN: 1 }, masks }],
    [
      'no row that is −inf throughout: a finite lowest mask',
      'Softmax',
      { rows: { ...maskedRows, allNegInf: 0 }, masks },
    ],
    ['rows of −inf that no mask made', 'Softmax', { rows: maskedRows, masks: null }],
    ['the mask leaves a key open in every row', 'Softmax', { rows: maskedRows, masks: { ...masks, fullyMasked: 0 } }],
    ['no row was read', 'Softmax', { rows: { ...maskedRows, example: null }, masks }],
    ['another operator', 'Sigmoid', { rows: maskedRows, masks }],
  ])('declines: %s', (_, op, more) => {
    expect(mechanism(op, more)).not.toBe('fully-masked-row');
  });

  it('rows with +inf beside are told', () => {
    const found = explainBirth(
      context('LogSoftmax', { rows: { ...maskedRows, withPosInf: 1, overflowCells: 1 }, masks }),
    );
    expect(found.mechanism).toBe('fully-masked-row');
    expect(found.explanation).toContain('1 more rows hold +inf');
  });
});

describe('arithmetic', () => {
  it.each<[string, string, readonly JsonNumber[]]>([
    ['zero-times-inf', 'Mul', [0, 'Infinity']],
    ['zero-times-inf', 'Mul', ['-Infinity', 0]],
    ['inf-minus-inf', 'Sub', ['Infinity', 'Infinity']],
    ['inf-minus-inf', 'Add', ['Infinity', '-Infinity']],
    ['zero-over-zero', 'Div', [0, 0]],
    ['zero-over-zero', 'Div', [0, -0]],
    ['inf-over-inf', 'Div', ['Infinity', '-Infinity']],
    ['log-of-negative', 'Log', [-1e-30]],
    ['log-of-negative', 'Log', ['-Infinity']],
    ['sqrt-of-negative', 'Sqrt', [-4]],
    ['pow-of-negative', 'Pow', [-2, 0.5]],
    ['unknown', 'Mul', [1, 'Infinity']],
    ['unknown', 'Mul', [0, 0]],
    ['unknown', 'Mul', ['NaN', 0]],
    ['unknown', 'Add', ['Infinity', 'Infinity']],
    ['unknown', 'Sub', ['Infinity', '-Infinity']],
    ['unknown', 'Div', [1, 0]],
    ['unknown', 'Div', ['Infinity', 0]],
    ['unknown', 'Log', [0]],
    ['unknown', 'Sqrt', [-0]],
    ['unknown', 'Pow', [-2, 3]],
    ['unknown', 'Pow', [-2, 'NaN']],
    ['unknown', 'Pow', [-2, 'Infinity']],
    ['unknown', 'Pow', ['-Infinity', 0.5]],
    ['unknown', 'MatMul', [0, 'Infinity']],
  ])('%s: %s of %j', (wanted, op, operands) => {
    expect(mechanism(op, { operands: elements(operands) })).toBe(wanted);
  });

  it('the commonest among the elements, with the others beside it', () => {
    expect(mechanism('Div', { operands: elements([0, 0], [0, 0]) })).toBe('zero-over-zero');
    const mixed = explainBirth(
      context('Div', { operands: elements([0, 0], ['Infinity', 'Infinity'], ['Infinity', '-Infinity']) }),
    );
    expect(mixed.mechanism).toBe('inf-over-inf');
    expect(mixed.evidence.also).toEqual({ 'zero-over-zero': 1 });
    expect(mixed.explanation).toContain('1 more elements of it are zero-over-zero');
    expect(mechanism('Div', { operands: elements() })).toBe('unknown');
    expect(mechanism('Div', {})).toBe('unknown');
  });

  it('says the very numbers', () => {
    expect(explainBirth(context('Log', { operands: elements([-0.25]) })).explanation).toContain('log(−0.25) = NaN');
    expect(explainBirth(context('Mul', { operands: elements([0, '-Infinity']) })).explanation).toContain(
      '0 × −inf = NaN',
    );
  });
});

describe('nan-in-weights', () => {
  it('holds for any operator, before everything else', () => {
    expect(mechanism('Gather', { nanWeights: ['w'] })).toBe('nan-in-weights');
    expect(mechanism('Mul', { nanWeights: ['w'], operands: elements([0, 'Infinity']) })).toBe('nan-in-weights');
    expect(explainBirth(context('Gather', { nanWeights: ['w'] })).explanation).toContain('w itself holds NaN');
  });
});

describe('unknown', () => {
  it('shows the operands and guesses nothing', () => {
    const found = explainBirth(context('Sin', { operands: elements(['Infinity', 2]) }));
    expect(found.evidence.examples).toEqual([{ sample: 0, position: 0, at: [0, 0], values: ['Infinity', 2] }]);
    expect(found.explanation).toContain('a = +inf, b = 2');
    expect(found.explanation).toContain('Sin has no value at +inf');
  });
});
