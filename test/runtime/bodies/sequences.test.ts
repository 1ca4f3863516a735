/** Lists of tensors: NaN that goes through one is not born where it comes out. */
import { describe, expect, it } from 'vitest';
import { node, value } from '../../unit/onnx/support';
import type { GraphInit, NodeInit } from '../../unit/onnx/support';
import { BOOL, constant, FLOAT, graphAttribute, int, INT64, looked, model, shape, told } from './support';

describe('sequences', () => {
  it('NaN born before a list is not born again behind it', async () => {
    const nodes: NodeInit[] = [
      node('Log', ['x'], ['l'], { name: 'log' }),
      node('SplitToSequence', ['l'], ['parts'], { attribute: [int('axis', 1)] }),
      constant('second', 1, 'int'),
      node('SequenceAt', ['parts', 'second'], ['part'], { name: 'at' }),
      node('SequenceInsert', ['parts', 'part'], ['more']),
      node('ConcatFromSequence', ['more'], ['y'], { name: 'join', attribute: [int('axis', 1)] }),
    ];
    expect(told(await looked(model(nodes, {}, { output: [value('y', ['batch', 'longer', 2], FLOAT)] })))).toMatchObject(
      [{ node: 'log', mechanism: 'log-of-negative' }],
    );
  });

  it('a Loop that gathers a list: born in its body', async () => {
    const list = (name: string) => ({
      name,
      type: { value: { case: 'sequenceType' as const, value: { elemType: value('e', shape, FLOAT).type ?? {} } } },
    });
    const body: GraphInit = {
      name: 'body',
      input: [value('i', [], INT64), value('c', [], BOOL), list('s')],
      node: [
        node('Identity', ['c'], ['c_out']),
        node('Log', ['x'], ['l'], { name: 'log' }),
        node('SequenceInsert', ['s', 'l'], ['s_out']),
      ],
      output: [value('c_out', [], BOOL), list('s_out')],
    };
    const nodes: NodeInit[] = [
      node('SequenceEmpty', [], ['none']),
      constant('count', 2, 'int'),
      node('Loop', ['count', '', 'none'], ['all'], { name: 'loop', attribute: [graphAttribute('body', body)] }),
      node('ConcatFromSequence', ['all'], ['y'], { name: 'join', attribute: [int('axis', 1)] }),
    ];
    const report = await looked(model(nodes, {}, { output: [value('y', ['batch', 'longer', 2], FLOAT)] }));
    expect(told(report)).toMatchObject([{ node: 'loop/body/log', op: 'Log', mechanism: 'log-of-negative' }]);
  });
});
