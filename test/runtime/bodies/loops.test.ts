/** NaN born in the body of a Loop or Scan is located there, with the iteration. */
import { describe, expect, it } from 'vitest';
import { node, value } from '../../unit/onnx/support';
import type { GraphInit, NodeInit } from '../../unit/onnx/support';
import {
  BOOL,
  branch,
  constant,
  FLOAT,
  graphAttribute,
  int,
  INT64,
  ints,
  looked,
  model,
  positive,
  shape,
  told,
  x,
} from './support';

/** A loop of `count` iterations over `nodes`, with the state `s` (from x) and one scan output. */
function loop(count: number, nodes: NodeInit[], state: string, scan: string | null): NodeInit[] {
  const body: GraphInit = {
    name: 'body',
    input: [value('i', [], INT64), value('c', [], BOOL), value('s', shape, FLOAT)],
    node: [node('Identity', ['c'], ['c_out']), ...nodes],
    output: [
      value('c_out', [], BOOL),
      value(state, shape, FLOAT),
      ...(scan === null ? [] : [value(scan, shape, FLOAT)]),
    ],
  };
  return [
    constant('count', count, 'int'),
    node('Loop', ['count', '', 'x'], scan === null ? ['y'] : ['y', 'each'], {
      name: 'loop',
      attribute: [graphAttribute('body', body)],
    }),
  ];
}

/** −1 in the iterations named, else 1. */
function signAt(iterations: readonly number[], output: string): NodeInit[] {
  const nodes: NodeInit[] = [constant(`${output}_minus`, -1), constant(`${output}_plus`, 1)];
  const hits = iterations.map((t, k) => {
    nodes.push(
      constant(`${output}_at${String(k)}`, t, 'int'),
      node('Equal', ['i', `${output}_at${String(k)}`], [`${output}_hit${String(k)}`]),
    );
    return `${output}_hit${String(k)}`;
  });
  let hit = hits[0] ?? '';
  for (const [k, next] of hits.slice(1).entries()) {
    nodes.push(node('Or', [hit, next], [`${output}_or${String(k)}`]));
    hit = `${output}_or${String(k)}`;
  }
  return [...nodes, node('Where', [hit, `${output}_minus`, `${output}_plus`], [output])];
}

/** Roots of ±x: NaN where the sign makes it negative. */
const roots = (iterations: readonly number[]): NodeInit[] => [
  ...signAt(iterations, 'sign'),
  node('Mul', ['x', 'sign'], ['signed']),
  node('Sqrt', ['signed'], ['root'], { name: 'root' }),
];
const stateOn = [constant('one', 1), node('Add', ['s', 'one'], ['s_out'])];

describe('Loop', () => {
  it('born in one iteration of a scan output', async () => {
    const proto = model(loop(5, [...roots([3]), ...stateOn], 's_out', 'root'), {}, { output: outputs() });
    const report = await looked(proto, positive);
    expect(told(report)).toEqual([
      {
        node: 'loop/body/root',
        op: 'Sqrt',
        mechanism: 'sqrt-of-negative',
        positions: ['0-2', '0-2'],
        inside: ['loop (Loop).body[3]'],
      },
    ]);
    expect(report.origins[0]?.explanation).toContain('This is inside iteration 3 (of 0 to 4) of loop (Loop).');
  });

  it('born in several iterations: one origin that lists them', async () => {
    const proto = model(loop(6, [...roots([1, 2, 4]), ...stateOn], 's_out', 'root'), {}, { output: outputs() });
    expect(told(await looked(proto, positive))).toMatchObject([
      { node: 'loop/body/root', inside: ['loop (Loop).body[1-2,4]'] },
    ]);
  });

  it('carried on by the state it is born once', async () => {
    const nodes = [...roots([2]), node('Add', ['s', 'root'], ['s_out'], { name: 'carry' })];
    expect(told(await looked(model(loop(6, nodes, 's_out', null)), positive))).toEqual([
      {
        node: 'loop/body/root',
        op: 'Sqrt',
        mechanism: 'sqrt-of-negative',
        positions: ['0-2', '0-2'],
        inside: ['loop (Loop).body[2]'],
      },
    ]);
  });

  it('at other positions it is born again in later iterations', async () => {
    // s shrinks by one: 1 − 2 at position 0 in iteration 1, 2 − 3 at position 1 in iteration 2, and so on.
    const nodes = [
      constant('one', 1),
      node('Sub', ['s', 'one'], ['s_out']),
      node('Sqrt', ['s_out'], ['root'], { name: 'root' }),
    ];
    const rising = { ...positive, data: Float32Array.of(1, 1, 2, 2, 3, 3, 9, 9, 9, 9, 9, 9) };
    const proto = model(loop(4, nodes, 's_out', 'root'), {}, { output: outputs() });
    expect(told(await looked(proto, rising))).toMatchObject([
      { node: 'loop/body/root', positions: ['0-2', ''], inside: ['loop (Loop).body[1-3]'] },
    ]);
  });

  it('far into a long loop', async () => {
    const proto = model(loop(1200, [...roots([1100]), ...stateOn], 's_out', 'root'), {}, { output: outputs() });
    expect(told(await looked(proto, positive))).toMatchObject([
      { node: 'loop/body/root', positions: ['0-2', '0-2'], inside: ['loop (Loop).body[1100]'] },
    ]);
  });

  it('an If in a Loop, and a Loop in a Loop', async () => {
    const choose = (within: string): NodeInit[] => [
      constant(`${within}_three`, 3, 'int'),
      node('Equal', ['i', `${within}_three`], [`${within}_is`]),
      node('If', [`${within}_is`], [within], {
        name: 'choose',
        attribute: [
          graphAttribute(
            'then_branch',
            branch(
              't',
              [node('Neg', ['x'], [`${within}_n`]), node('Sqrt', [`${within}_n`], [`${within}_t`], { name: 'root' })],
              `${within}_t`,
            ),
          ),
          graphAttribute('else_branch', branch('e', [node('Identity', ['x'], [`${within}_e`])], `${within}_e`)),
        ],
      }),
    ];
    const proto = model(loop(5, [...choose('w'), ...stateOn], 's_out', 'w'), {}, { output: outputs() });
    expect(told(await looked(proto, positive))).toEqual([
      {
        node: 'loop/body/choose/then_branch/root',
        op: 'Sqrt',
        mechanism: 'sqrt-of-negative',
        positions: ['0-2', '0-2'],
        inside: ['loop (Loop).body[3]', 'loop/body/choose (If).then_branch'],
      },
    ]);

    const inner: GraphInit = {
      name: 'inner',
      input: [value('j', [], INT64), value('d', [], BOOL), value('r', shape, FLOAT)],
      node: [
        node('Identity', ['d'], ['d_out']),
        node('Add', ['i', 'j'], ['sum']),
        constant('four', 4, 'int'),
        node('Equal', ['sum', 'four'], ['is']),
        constant('m', -1),
        constant('p', 1),
        node('Where', ['is', 'm', 'p'], ['w']),
        node('Mul', ['x', 'w'], ['xw']),
        node('Log', ['xw'], ['r_out'], { name: 'log' }),
      ],
      output: [value('d_out', [], BOOL), value('r_out', shape, FLOAT)],
    };
    const nested: NodeInit[] = [
      constant('two', 2, 'int'),
      node('Loop', ['two', '', 's'], ['s_out'], { name: 'within', attribute: [graphAttribute('body', inner)] }),
    ];
    // i + j = 4 in iteration 3 (j = 1, handed on) and in iteration 4 (j = 0, overwritten there).
    expect(told(await looked(model(loop(4, nested, 's_out', null)), positive))).toEqual([
      {
        node: 'loop/body/within/body/log',
        op: 'Log',
        mechanism: 'log-of-negative',
        positions: ['0-2', '0-2'],
        inside: ['loop (Loop).body[3]', 'loop/body/within (Loop).body[1]'],
      },
    ]);
  });

  it('what a body removes itself is no origin, and a healthy loop has none', async () => {
    const guarded = [
      ...roots([3]),
      node('IsNaN', ['root'], ['is']),
      constant('nought', 0),
      node('Where', ['is', 'nought', 'root'], ['safe']),
      node('Add', ['s', 'safe'], ['s_out']),
    ];
    expect(told(await looked(model(loop(5, guarded, 's_out', null)), positive))).toEqual([]);
    expect(told(await looked(model(loop(5, [...roots([9]), ...stateOn], 's_out', null)), positive))).toEqual([]);
  });

  it('float16 states, and a count that the condition cuts short', async () => {
    const half = (name: string): ReturnType<typeof value> => value(name, shape, 10);
    const body: GraphInit = {
      name: 'body',
      input: [value('i', [], INT64), value('c', [], BOOL), half('s')],
      node: [
        constant('two', 2, 'int'),
        node('Less', ['i', 'two'], ['c_out']),
        node('Sub', ['s', 'x16'], ['d']),
        node('Div', ['d', 'd'], ['s_out'], { name: 'ratio' }),
      ],
      output: [value('c_out', [], BOOL), half('s_out')],
    };
    const nodes: NodeInit[] = [
      node('Cast', ['x'], ['x16'], { attribute: [int('to', 10)] }),
      constant('count', 10, 'int'),
      node('Loop', ['count', '', 'x16'], ['y16'], { name: 'loop', attribute: [graphAttribute('body', body)] }),
      node('Cast', ['y16'], ['y'], { attribute: [int('to', 1)] }),
    ];
    expect(told(await looked(model(nodes)))).toEqual([
      {
        node: 'loop/body/ratio',
        op: 'Div',
        mechanism: 'zero-over-zero',
        positions: ['0-2', '0-2'],
        inside: ['loop (Loop).body[0]'],
      },
    ]);
  });
});

describe('Scan', () => {
  const scan = (more: { axis?: number; reverse?: boolean } = {}): NodeInit => {
    const body: GraphInit = {
      name: 'body',
      input: [value('s', ['batch', 2], FLOAT), value('step', ['batch', 2], FLOAT)],
      node: [
        node('Sqrt', ['step'], ['root'], { name: 'root' }),
        node('Identity', ['root'], ['each']),
        constant('one', 1),
        node('Add', ['s', 'one'], ['s_out']),
      ],
      output: [value('s_out', ['batch', 2], FLOAT), value('each', ['batch', 2], FLOAT)],
    };
    return node('Scan', ['start', 'x'], ['last', 'y'], {
      name: 'scan',
      attribute: [
        graphAttribute('body', body),
        int('num_scan_inputs', 1),
        ints('scan_input_axes', [more.axis ?? 1]),
        ints('scan_output_axes', [more.axis ?? 1]),
        ...(more.reverse === true ? [ints('scan_input_directions', [1]), ints('scan_output_directions', [1])] : []),
      ],
    });
  };
  const start: NodeInit[] = [node('ReduceSum', ['x', 'axis'], ['start'], { attribute: [int('keepdims', 0)] })];
  const axis = { initializer: [{ name: 'axis', dims: [1n], dataType: INT64, int64Data: [1n] }] };

  it('over the sequence: the step is the iteration', async () => {
    expect(told(await looked(model([...start, scan()], {}, axis)))).toMatchObject([
      { node: 'scan/body/root', op: 'Sqrt', mechanism: 'sqrt-of-negative', inside: ['scan (Scan).body[1-2]'] },
    ]);
  });

  it('backwards', async () => {
    expect(told(await looked(model([...start, scan({ axis: -2, reverse: true })], {}, axis)))).toMatchObject([
      { node: 'scan/body/root', inside: ['scan (Scan).body[0-1]'] },
    ]);
  });

  it('healthy', async () => {
    expect(told(await looked(model([...start, scan()], {}, axis), positive))).toEqual([]);
    expect(x.data).not.toEqual(positive.data);
  });
});

const outputs = () => [value('y', shape, FLOAT), value('each', ['n', ...shape], FLOAT)];
