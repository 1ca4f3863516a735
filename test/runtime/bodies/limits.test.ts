/** What is not opened is said, and what is odd is still right. */
import { describe, expect, it } from 'vitest';
import { node, value } from '../../unit/onnx/support';
import type { GraphInit, NodeInit } from '../../unit/onnx/support';
import {
  BOOL,
  branch,
  chosen,
  constant,
  FLOAT,
  graphAttribute,
  int,
  INT64,
  looked,
  model,
  positive,
  shape,
  told,
} from './support';

describe('limits', () => {
  it('a SequenceMap stays closed, and the finding says why', async () => {
    const body: GraphInit = {
      name: 'each',
      input: [value('part', [], FLOAT)],
      node: [node('Log', ['part'], ['out'], { name: 'log' })],
      output: [value('out', [], FLOAT)],
    };
    body.input = [{ name: 'part', type: { value: { case: 'tensorType', value: { elemType: FLOAT } } } }];
    body.output = [{ name: 'out', type: { value: { case: 'tensorType', value: { elemType: FLOAT } } } }];
    const nodes: NodeInit[] = [
      node('SplitToSequence', ['x'], ['parts'], { attribute: [int('axis', 1)] }),
      node('SequenceMap', ['parts'], ['logs'], { name: 'map', attribute: [graphAttribute('body', body)] }),
      node('ConcatFromSequence', ['logs'], ['y'], { name: 'join', attribute: [int('axis', 1)] }),
    ];
    const report = await looked(model(nodes, {}, { output: [value('y', ['batch', 'n', 2], FLOAT)] }));
    expect(told(report)).toMatchObject([{ node: 'join', mechanism: 'unknown', inside: [] }]);
    expect(report.origins[0]?.evidence.notLocated).toBe('of the list from map, bodies of SequenceMap are not followed');
  });

  it('a Loop that only its condition ends, with a state that keeps growing', async () => {
    const body: GraphInit = {
      name: 'body',
      input: [
        value('i', [1], INT64),
        value('c', [1], BOOL),
        { name: 's', type: { value: { case: 'tensorType', value: { elemType: FLOAT } } } },
      ],
      node: [
        constant('last', 3, 'int'),
        node('Less', ['i', 'last'], ['c_out']),
        node('Concat', ['s', 's'], ['s_out'], { attribute: [int('axis', 0)] }),
        node('Cast', ['i'], ['f'], { attribute: [int('to', 1)] }),
        constant('two', 2),
        node('Sub', ['two', 'f'], ['left']),
        node('Sqrt', ['left'], ['root'], { name: 'root' }),
        node('Mul', ['s_out', 'root'], ['s_next']),
      ],
      output: [
        value('c_out', [1], BOOL),
        { name: 's_next', type: { value: { case: 'tensorType', value: { elemType: FLOAT } } } },
      ],
    };
    const nodes: NodeInit[] = [
      node('Loop', ['', 'go', 'x'], ['y'], { name: 'loop', attribute: [graphAttribute('body', body)] }),
    ];
    const go = { name: 'go', dims: [1n], dataType: BOOL, int32Data: [1] };
    const output = [value('y', ['many', 'sequence', 2], FLOAT)];
    expect(told(await looked(model(nodes, {}, { initializer: [go], output }), positive))).toMatchObject([
      { node: 'loop/body/root', mechanism: 'sqrt-of-negative', inside: ['loop (Loop).body[3]'] },
    ]);
  });

  it('many branches are measured at once', async () => {
    const nodes: NodeInit[] = [];
    const ends: string[] = [];
    for (let k = 0; k < 18; k += 1) {
      const name = `if_${String(k)}`;
      nodes.push(
        ...chosen(
          name,
          `${name}_y`,
          branch('t', [node('Log', ['x'], [`${name}_t`], { name: 'log' })], `${name}_t`),
          branch('e', [node('Identity', ['x'], [`${name}_e`])], `${name}_e`),
        ),
      );
      ends.push(`${name}_y`);
    }
    const report = await looked(model([...nodes, node('Sum', ends, ['y'])]));
    expect(told(report).map(({ node: at }) => at)).toEqual(ends.map((_, k) => `if_${String(k)}/then_branch/log`));
  });

  it('more loops with NaN than are opened', async () => {
    const nodes: NodeInit[] = [constant('once', 1, 'int')];
    const ends: string[] = [];
    for (let k = 0; k < 18; k += 1) {
      const name = `loop_${String(k)}`;
      const body: GraphInit = {
        name: 'body',
        input: [value('i', [], INT64), value('c', [], BOOL), value('s', shape, FLOAT)],
        node: [node('Identity', ['c'], ['c_out']), node('Log', ['s'], ['s_out'], { name: 'log' })],
        output: [value('c_out', [], BOOL), value('s_out', shape, FLOAT)],
      };
      nodes.push(node('Loop', ['once', '', 'x'], [`${name}_y`], { name, attribute: [graphAttribute('body', body)] }));
      ends.push(`${name}_y`);
    }
    const report = await looked(model([...nodes, node('Sum', ends, ['y'])]));
    expect(report.origins.filter((origin) => 'inside' in origin.evidence)).toHaveLength(16);
    expect(report.origins.slice(16).map((origin) => [origin.node, typeof origin.evidence.notLocated])).toEqual([
      ['loop_16', 'string'],
      ['loop_17', 'string'],
    ]);
  });
});
