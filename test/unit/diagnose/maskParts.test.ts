/** Masks taken apart: each form that exporters write, with the parts and the test that says where each masks. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { MaskTest, MaskWalk } from '../../../src/core/diagnose/rows/maskParts';
import { maskParts } from '../../../src/core/diagnose/rows/maskParts';
import { Graph } from '../../../src/core/onnx/graph';
import { int, ints, scalar } from '../../support/tinyAttention';
import { model, node, value } from '../onnx/support';
import type { NodeInit } from '../onnx/support';

/** Scores are [2, 1, 4, 4]; `pad` and `causal` are flags, `real` is 0 or 1. */
const shapes: Record<string, readonly number[]> = {
  pad: [2, 1, 1, 4],
  real: [2, 1, 1, 4],
  positions: [1, 1, 4, 1],
  later: [4, 4],
  both4d: [2, 1, 4, 4],
};

function parts(
  nodes: readonly NodeInit[],
  test: MaskTest,
  of = 'mask',
  shapeOf: Record<string, readonly number[]> = {},
) {
  const graph = new Graph(
    model({
      name: 'mask',
      input: [
        value('pad', [2, 1, 1, 4], DataType.BOOL),
        value('real', [2, 1, 1, 4]),
        value('positions', [1, 1, 4, 1], DataType.INT64),
        value('both4d', [2, 1, 4, 4]),
      ],
      output: [value(of, [])],
      initializer: [
        {
          name: 'later',
          dims: [4n, 4n],
          dataType: DataType.BOOL,
          int32Data: Array.from({ length: 16 }, (_, i) => (i % 4 > Math.floor(i / 4) ? 1 : 0)),
        },
        scalar('zero', 0),
        scalar('one', 1),
        scalar('inf', -Infinity),
        scalar('low', -3e38),
        scalar('minus10', -10),
        scalar('big', 1e9),
        ints('axis', [1]),
      ],
      node: [...nodes],
    }),
  );
  const walk: MaskWalk = {
    graph,
    // Every value of these graphs broadcasts; what is not listed has the scores' shape.
    facts: {
      shape: (name) => shapeOf[name] ?? shapes[name] ?? (graph.isInitializer(name) ? null : [2, 1, 4, 4]),
      ints: () => null,
    },
    dims: [2, 1, 4, 4],
    queryAxis: 2,
    keyAxis: 3,
    isPositions: (input) => input === 'positions',
    arithmetic: [],
  };
  return maskParts(walk, of, test, []).map((part) => [part.value, part.test, part.kind, part.fill]);
}
const where = (condition: string, yes: string, no: string, out = 'mask') => node('Where', [condition, yes, no], [out]);
const inf = -Infinity;
const low = Math.fround(-3e38);

describe('maskParts', () => {
  it.each<[string, NodeInit[], MaskTest, unknown]>([
    [
      'Or of flags',
      [node('Or', ['pad', 'later'], ['mask'])],
      'true',
      [
        ['pad', 'true', 'padding', null],
        ['later', 'true', 'causal', null],
      ],
    ],
    [
      'And of what is allowed',
      [node('Not', ['later'], ['earlier']), node('And', ['earlier', 'real'], ['mask'])],
      'false',
      [
        ['later', 'true', 'causal', null],
        ['real', 'false', 'padding', null],
      ],
    ],
    [
      'filled twice',
      [where('later', 'inf', 'zero', 'causal'), where('pad', 'low', 'causal')],
      'low',
      [
        ['pad', 'true', 'padding', low],
        ['later', 'true', 'causal', inf],
      ],
    ],
    ['the condition keeps', [where('real', 'zero', 'inf')], 'low', [['real', 'false', 'padding', inf]]],
    [
      '(1 − real) × lowest',
      [node('Sub', ['one', 'real'], ['gone']), node('Mul', ['gone', 'low'], ['mask'])],
      'low',
      [['real', 'false', 'padding', low]],
    ],
    [
      '(real − 1) × 1e9',
      [node('Sub', ['real', 'one'], ['minus']), node('Mul', ['minus', 'big'], ['mask'])],
      'low',
      [['real', 'false', 'padding', -1e9]],
    ],
    ['log of the flags', [node('Log', ['real'], ['mask'])], 'low', [['real', 'false', 'padding', inf]]],
    [
      'masked_fill where padding is open in the causal mask: the padding part',
      [
        where('later', 'low', 'zero', 'causal'),
        node('Add', ['causal', 'real'], ['sum']),
        node('Equal', ['sum', 'zero'], ['closed']),
        where('closed', 'low', 'causal'),
      ],
      'low',
      [
        ['real', 'false', 'padding', low],
        ['later', 'true', 'causal', low],
      ],
    ],
    [
      'a position bias is no mask, a flag that is cast is',
      [
        node('Cast', ['pad'], ['asNumber'], { attribute: [int('to', DataType.FLOAT)] }),
        node('Mul', ['asNumber', 'low'], ['filled']),
        node('Add', ['filled', 'minus10'], ['mask']),
      ],
      'low',
      [['pad', 'true', 'padding', low]],
    ],
    [
      'compared positions are causal though they are an input',
      [node('Less', ['positions', 'axis'], ['mask'])],
      'true',
      [['mask', 'true', 'causal', null]],
    ],
    [
      'an input with a query axis is undivided',
      [node('Identity', ['both4d'], ['mask'])],
      'low',
      [['both4d', 'low', 'other', null]],
    ],
    [
      'Or of what is allowed cannot be divided',
      [node('Or', ['pad', 'both4d'], ['mask'])],
      'false',
      [['mask', 'false', 'other', null]],
    ],
    ['a mask that masks nothing', [where('pad', 'zero', 'minus10')], 'low', [['mask', 'low', 'other', null]]],
  ])('%s', (_, nodes, test, wanted) => {
    expect(parts(nodes, test)).toEqual(wanted);
  });
});
