/** NaN born in a branch of an If is located there. */
import { describe, expect, it } from 'vitest';
import { node, value } from '../../unit/onnx/support';
import { BOOL, branch, chosen, constant, FLOAT, int, ints, looked, model, positive, shape, told, x } from './support';
import type { GraphInit } from '../../unit/onnx/support';
import type { TensorData } from '../../../src/core/tensor';

const log = (output: string): GraphInit =>
  branch(`log_${output}`, [node('Log', ['x'], [output], { name: 'log' })], output);
const root = (output: string): GraphInit =>
  branch(
    `root_${output}`,
    [node('Neg', ['x'], [`${output}_n`]), node('Sqrt', [`${output}_n`], [output], { name: 'root' })],
    output,
  );
const copy = (output: string): GraphInit => branch(`copy_${output}`, [node('Identity', ['x'], [output])], output);
const toY = (from: string) => node('Identity', [from], ['y']);

const less: TensorData = { ...positive, data: (positive.data as Float32Array).map((v) => -v) };

describe('If', () => {
  it('then_branch: node, positions and mechanism', async () => {
    const report = await looked(model([...chosen('choose', 'i', log('t'), copy('e')), toY('i')]));
    expect(told(report)).toEqual([
      {
        node: 'choose/then_branch/log',
        op: 'Log',
        mechanism: 'log-of-negative',
        positions: ['1-2', ''],
        inside: ['choose (If).then_branch'],
      },
    ]);
    expect(report.origins[0]?.explanation).toContain('This is inside the then_branch of choose (If).');
    expect(report.notes.join(' ')).toMatch(/1 If was measured with the branch that ran .*: choose \(then_branch\);/);
    // The axes are followed through the branch.
    expect(report.outputs).toEqual([{ name: 'y', nanPositions: [2, 0], of: 3, nanAt: ['1-2', ''] }]);
  });

  it('else_branch: the one that ran, not the one that would be NaN too', async () => {
    // 0 − (1, 2, …) is negative, so its root is NaN in the first branch; the second takes the logarithm.
    const report = await looked(model([...chosen('choose', 'i', root('t'), log('e')), toY('i')]), less);
    expect(told(report)).toEqual([
      {
        node: 'choose/else_branch/log',
        op: 'Log',
        mechanism: 'log-of-negative',
        positions: ['0-2', '0-2'],
        inside: ['choose (If).else_branch'],
      },
    ]);
  });

  it('a condition that is stored, unnamed nodes, and names that are hostile', async () => {
    const hostile = '<img src=x>"\n\u202e';
    const body = branch('b', [node('Log', ['x'], [hostile], { name: '' })], hostile);
    const choose = node('If', ['c'], ['i'], {
      name: '',
      attribute: [
        { name: 'then_branch', type: 5, g: body },
        { name: 'else_branch', type: 5, g: copy('e') },
      ],
    });
    const stored = { initializer: [{ name: 'c', dims: [], dataType: BOOL, int32Data: [1] }] };
    expect(told(await looked(model([choose, toY('i')], {}, stored)))).toMatchObject([
      { node: `i/then_branch/${hostile}`, op: 'Log', positions: ['1-2', ''], inside: ['i (If).then_branch'] },
    ]);
  });

  it('two births in one branch are two origins', async () => {
    const both = branch(
      'both',
      [
        node('Log', ['x'], ['l'], { name: 'log' }),
        node('Neg', ['x'], ['n']),
        node('Sqrt', ['n'], ['r'], { name: 'root' }),
        node('Add', ['l', 'r'], ['t']),
      ],
      't',
    );
    expect(told(await looked(model([...chosen('choose', 'i', both, copy('e')), toY('i')])))).toMatchObject([
      { node: 'choose/then_branch/root', positions: ['0-1', '0-2'] },
      { node: 'choose/then_branch/log', positions: ['1-2', ''] },
    ]);
  });

  it('an If within an If is opened level by level', async () => {
    const inner = branch('outer', chosen('within', 't', log('l'), copy('k')), 't');
    expect(told(await looked(model([...chosen('choose', 'i', inner, copy('e')), toY('i')])))).toEqual([
      {
        node: 'choose/then_branch/within/then_branch/log',
        op: 'Log',
        mechanism: 'log-of-negative',
        positions: ['1-2', ''],
        inside: ['choose (If).then_branch', 'choose/then_branch/within (If).then_branch'],
      },
    ]);
  });

  it('a branch that removes its own NaN is no origin', async () => {
    const safe = branch(
      'safe',
      [
        node('Log', ['x'], ['l']),
        node('IsNaN', ['l'], ['is']),
        constant('nought', 0),
        node('Where', ['is', 'nought', 'l'], ['t']),
      ],
      't',
    );
    const report = await looked(model([...chosen('choose', 'i', safe, copy('e')), toY('i')]));
    expect(told(report)).toEqual([]);
    expect(report.outputs[0]?.nanPositions).toEqual([0, 0]);
    expect(report.silent).toMatchObject([
      {
        mechanism: 'guarded',
        node: 'choose/then_branch/Log_l',
        positions: ['1-2', ''],
        evidence: { guard: 'choose/then_branch/Where_t', bornAs: 'log-of-negative', inside: [{ node: 'choose' }] },
      },
    ]);
  });

  it('a branch in which an operator swallows NaN: the birth is an origin, and where it ends is told', async () => {
    const swallowing = branch(
      'swallowing',
      [
        node('Log', ['x'], ['l'], { name: 'log' }),
        node('ArgMax', ['l'], ['at'], { name: 'best', attribute: [int('axis', -1)] }),
        node('Cast', ['at'], ['f'], { attribute: [int('to', FLOAT)] }),
        node('Add', ['x', 'f'], ['t']),
      ],
      't',
    );
    const report = await looked(model([...chosen('choose', 'i', swallowing, copy('e')), toY('i')]));
    expect(told(report)).toMatchObject([
      { node: 'choose/then_branch/log', positions: ['1-2', ''], inside: ['choose (If).then_branch'] },
    ]);
    expect(report.silent).toMatchObject([{ mechanism: 'swallowed', node: 'choose/then_branch/best' }]);
    expect(report.outputs[0]?.nanPositions).toEqual([0, 0]);
  });

  it('what passes through a branch is no crossing, what meets other positions in it is one', async () => {
    const mixing = branch(
      'mixing',
      [
        node('Transpose', ['before'], ['turned'], { attribute: [ints('perm', [0, 2, 1])] }),
        node('MatMul', ['before', 'turned'], ['scores']),
        node('MatMul', ['scores', 'x'], ['t'], { name: 'mix' }),
      ],
      't',
    );
    for (const body of [branch('through', [node('Neg', ['before'], ['t'])], 't'), mixing]) {
      const nodes = [
        node('Log', ['x'], ['before'], { name: 'log' }),
        ...chosen('choose', 'i', body, copy('e')),
        toY('i'),
      ];
      const report = await looked(model(nodes));
      expect(told(report)).toMatchObject([{ node: 'log', positions: ['1-2', ''], inside: [] }]);
      const mixed = body.name === 'mixing';
      expect(report.outputs[0]?.nanAt).toEqual([mixed ? '0-2' : '1-2', '']);
      expect(report.spread.map(({ positions, evidence }) => [positions, 'inside' in evidence])).toEqual(
        mixed ? [[['0', ''], true]] : [],
      );
    }
  });

  it('a branch whose NaN is removed behind the node is guarded, and located', async () => {
    const nodes = [
      ...chosen('choose', 'i', log('t'), copy('e')),
      node('IsNaN', ['i'], ['is']),
      constant('nought', 0),
      node('Where', ['is', 'nought', 'i'], ['y'], { name: 'guard' }),
    ];
    const report = await looked(model(nodes));
    expect(told(report)).toEqual([]);
    expect(report.silent).toMatchObject([
      { mechanism: 'guarded', node: 'choose/then_branch/log', evidence: { guard: 'guard', bornAs: 'log-of-negative' } },
    ]);
  });

  it('NaN that the branch captured is not born in it', async () => {
    const sick = { ...x, data: (x.data as Float32Array).map((v, i) => (i === 0 ? NaN : v)) };
    const stored = { initializer: [{ name: 'c', dims: [], dataType: BOOL, int32Data: [1] }] };
    const choose = node('If', ['c'], ['i'], {
      name: 'choose',
      attribute: [
        { name: 'then_branch', type: 5, g: copy('t') },
        { name: 'else_branch', type: 5, g: copy('e') },
      ],
    });
    const report = await looked(model([choose, toY('i')], {}, stored), sick);
    expect(told(report)).toMatchObject([{ node: null, mechanism: 'nan-in-input', inside: [] }]);
  });

  it('born in a branch at other positions than those that it hands on', async () => {
    // Born before the If at positions 1 and 2 of sample 0; in it the root of −x is NaN wherever x is positive.
    const yes = branch(
      't',
      [
        node('Neg', ['x'], ['n']),
        node('Sqrt', ['n'], ['r'], { name: 'root' }),
        node('Add', ['r', 'before'], ['t'], { name: 'both' }),
      ],
      't',
    );
    const nodes = [node('Log', ['x'], ['before'], { name: 'log' }), ...chosen('choose', 'i', yes, copy('e')), toY('i')];
    const report = await looked(model(nodes));
    // The one that reaches more of the output leads.
    expect(told(report)).toEqual([
      {
        node: 'choose/then_branch/root',
        op: 'Sqrt',
        mechanism: 'sqrt-of-negative',
        positions: ['0-1', '0-2'],
        inside: ['choose (If).then_branch'],
      },
      { node: 'log', op: 'Log', mechanism: 'log-of-negative', positions: ['1-2', ''], inside: [] },
    ]);
  });

  it('the same where what the node hands on is guarded', async () => {
    const yes = branch(
      't',
      [
        node('Neg', ['x'], ['n']),
        node('Sqrt', ['n'], ['r'], { name: 'root' }),
        node('Add', ['r', 'before'], ['t'], { name: 'both' }),
      ],
      't',
    );
    const nodes = [
      node('Log', ['x'], ['before'], { name: 'log' }),
      ...chosen('choose', 'i', yes, copy('e')),
      node('IsNaN', ['i'], ['is']),
      constant('nought', 0),
      node('Where', ['is', 'nought', 'i'], ['y'], { name: 'guard' }),
    ];
    const report = await looked(model(nodes));
    expect(told(report).filter((origin) => origin.inside.length > 0)).toEqual([]);
    expect(report.silent.filter((finding) => finding.node === 'choose/then_branch/root')).toMatchObject([
      { mechanism: 'guarded', evidence: { guard: 'guard', bornAs: 'sqrt-of-negative' } },
    ]);
  });

  it('a stored NaN that a branch hands out', async () => {
    const nan = { name: 'w', dims: [2n, 3n, 2n], dataType: FLOAT, floatData: Array.from({ length: 12 }, () => NaN) };
    const yes: GraphInit = {
      name: 't',
      initializer: [nan],
      node: [node('Identity', ['w'], ['t'], { name: 'hand' })],
      output: [value('t', shape, FLOAT)],
    };
    const report = await looked(model([...chosen('choose', 'i', yes, copy('e')), toY('i')]));
    expect(told(report)).toMatchObject([
      { node: 'choose/then_branch/hand', mechanism: 'nan-in-weights', inside: ['choose (If).then_branch'] },
    ]);
  });

  it('a healthy If says nothing', async () => {
    const report = await looked(model([...chosen('choose', 'i', log('t'), copy('e')), toY('i')]), positive);
    expect(told(report)).toEqual([]);
    expect(report.silent).toEqual([]);
    expect(report.notes.join(' ')).toMatch(/choose \(then_branch\)/);
  });
});
