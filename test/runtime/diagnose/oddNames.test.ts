/** Outputs of every type and of any name are compared and reported. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../../src/app/diagnose';
import type { Engine } from '../../../src/app/ports';
import { writeNpz } from '../../../src/core/batch/npz';
import { diagnosedModel, realDeps } from '../../support/diagnosing';
import { BOOL, branch, chosen, constant, FLOAT, INT64, int, model, shape, x } from '../bodies/support';
import { node, value, withFolder } from '../../unit/onnx/support';

const odd = ['__proto__', 'constructor', 'toString', 'valueOf'] as const;

describe('names that every object knows', () => {
  it('outputs', async () => {
    const made = model(
      [
        node('Log', ['x'], ['__proto__']),
        node('Neg', ['__proto__'], ['constructor']),
        node('Abs', ['constructor'], ['toString']),
        node('ArgMax', ['x'], ['valueOf'], { attribute: [int('axis', -1)] }),
      ],
      {},
      { output: [...odd.slice(0, 3).map((name) => value(name, shape, FLOAT)), value('valueOf', ['a', 'b', 1], INT64)] },
    );
    const report = await diagnosedModel(made, { x }, { fixes: false });
    expect(report.outputs).toEqual([
      ...odd.slice(0, 3).map((name) => ({ name, nanPositions: [2, 0], of: 3, nanAt: ['1-2', ''] })),
      { name: 'valueOf', nanPositions: null, of: 1, nanAt: null },
    ]);
    expect(report.origins).toMatchObject([
      { node: 'Log___proto__', tensor: '__proto__', mechanism: 'log-of-negative' },
    ]);
    expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { sameNanPositions: true } });
  });

  it('inputs and what lies between', async () => {
    const made = model(
      [
        node('Add', ['x', '__proto__'], ['constructor']),
        node('Sqrt', ['constructor'], ['toString']),
        ...chosen(
          'if',
          'branched',
          branch('yes', [node('Add', ['toString', '__proto__'], ['sum'])], 'sum'),
          branch('no', [node('Sub', ['toString', '__proto__'], ['gap'])], 'gap'),
        ),
        constant('one', 1),
        node('Mul', ['branched', 'one'], ['y']),
      ],
      {},
      { input: [value('x', shape, FLOAT), value('__proto__', shape, FLOAT)] },
    );
    const zero = { ...x, data: new Float32Array(12) };
    const report = await diagnosedModel(
      made,
      Object.fromEntries([
        ['x', x],
        ['__proto__', zero],
      ]),
      { fixes: false },
    );
    expect(report.origins).toMatchObject([{ node: 'Sqrt_toString', mechanism: 'sqrt-of-negative' }]);
    expect(Object.keys(report.batch.inputs)).toEqual(['x', '__proto__']);
    expect(report.outputs).toMatchObject([{ name: 'y' }]);
  });
});

it('integers and booleans are compared too', async () => {
  const made = model(
    [
      node('Identity', ['x'], ['y']),
      node('ArgMax', ['x'], ['best'], { attribute: [int('axis', -1)] }),
      node('IsNaN', ['x'], ['sick']),
    ],
    {},
    { output: [value('y', shape, FLOAT), value('best', ['a', 'b', 1], INT64), value('sick', shape, BOOL)] },
  );
  const compared: string[] = [];
  const { files, engine } = await realDeps();
  const listening: Engine = {
    start: (signal) => {
      const job = engine.start(signal);
      return {
        version: () => job.version(),
        createSession: (bytes, options) => job.createSession(bytes, options),
        run: (request) => {
          for (const { inspector, id } of request.inspect ?? []) if (inspector === 'bitEqual') compared.push(id);
          return job.run(request);
        },
        release: (session) => job.release(session),
        drop: (handles) => job.drop(handles),
        peakMemory: () => job.peakMemory(),
        ended: () => job.ended(),
        close: () => job.close(),
      };
    },
  };
  await withFolder(async (folder) => {
    await writeFile(join(folder, 'm.onnx'), toBinary(ModelProtoSchema, made));
    await writeFile(join(folder, 'm.npz'), writeNpz({ x }));
    const request = { model: join(folder, 'm.onnx'), inputsFile: join(folder, 'm.npz'), userLevel: 'all' } as const;
    const report = await diagnose({ files, engine: listening }, { ...request, fixes: false }, {});
    expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { maxAbsDiff: 0 } });
  });
  expect(compared.sort()).toEqual(['best', 'sick', 'y']);
});
