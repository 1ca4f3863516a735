/** Local functions are opened: nodes inside are measured like any other, and the numbers do not change. */
import { clone, create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import type { FunctionProtoSchema, ModelProto } from 'onnx-buf';
import { afterAll, describe, expect, it } from 'vitest';
import type { EngineJob } from '../../../src/app/ports';
import { inlineFunctions } from '../../../src/core/onnx/inline';
import type { TensorData } from '../../../src/core/tensor';
import { realDeps } from '../../support/diagnosing';
import { AttributeType, node } from '../../unit/onnx/support';
import type { AttributeInit, NodeInit } from '../../unit/onnx/support';
import { branch, chosen, constant, float, graphAttribute, looked, model, positive, ref, told, x } from './support';

type FunctionInit = Exclude<MessageInitShape<typeof FunctionProtoSchema>, { $typeName: unknown }>;

const fn = (
  name: string,
  input: string[],
  output: string[],
  nodes: NodeInit[],
  more: FunctionInit = {},
): FunctionInit => ({
  name,
  domain: 'local',
  input,
  output,
  node: nodes,
  opsetImport: [
    { domain: '', version: 17n },
    { domain: 'local', version: 1n },
  ],
  ...more,
});
const call = (op: string, input: string[], output: string[], name: string, attribute: AttributeInit[] = []): NodeInit =>
  node(op, input, output, { domain: 'local', name, attribute });

/** log(a + bias); `bias` is an attribute with a default of 0. */
const shiftedLog = fn(
  'ShiftedLog',
  ['a'],
  ['b'],
  [
    node('Constant', [], ['bias'], { attribute: [ref('value_float', 'bias', AttributeType.FLOAT)] }),
    node('Add', ['a', 'bias'], ['sum'], { name: 'shift' }),
    node('Log', ['sum'], ['b'], { name: 'log' }),
  ],
  { attributeProto: [float('bias', 0)] },
);

const jobs: EngineJob[] = [];
afterAll(async () => {
  for (const job of jobs) await job.close();
});

/** What a model gives when the engine runs it as it is. */
async function outputsOf(proto: ModelProto, input: TensorData): Promise<Uint8Array[]> {
  const job = jobs[0] ?? (await realDeps()).engine.start();
  if (jobs.length === 0) jobs.push(job);
  const session = await job.createSession(toBinary(ModelProtoSchema, proto), { level: 'disabled', prepack: true });
  const fetch = session.outputs.map((output) => output.name);
  const { tensors } = await job.run({ session: session.id, feeds: { x: input }, fetch });
  await job.release(session.id);
  return fetch.map((name) => {
    const { buffer, byteOffset, byteLength } = tensors[name]?.data ?? new Uint8Array();
    return new Uint8Array(buffer, byteOffset, byteLength).slice();
  });
}

async function sameOutputs(proto: ModelProto): Promise<void> {
  const before = clone(ModelProtoSchema, proto);
  const inlined = inlineFunctions(proto);
  expect(toBinary(ModelProtoSchema, proto)).toEqual(toBinary(ModelProtoSchema, before));
  expect(inlined.calls).toBeGreaterThan(0);
  for (const input of [x, positive]) {
    expect(await outputsOf(inlined.model, input)).toEqual(await outputsOf(proto, input));
  }
}

describe('local functions', () => {
  it('called twice with attributes: born in one call only', async () => {
    const proto = model(
      [
        call('ShiftedLog', ['x'], ['one'], 'first', [float('bias', 5)]),
        call('ShiftedLog', ['x'], ['two'], 'second'),
        node('Add', ['one', 'two'], ['y']),
      ],
      { functions: [shiftedLog] },
    );
    await sameOutputs(proto);
    const report = await looked(proto);
    expect(told(report)).toEqual([
      {
        node: 'second/log',
        op: 'Log',
        mechanism: 'log-of-negative',
        positions: ['1-2', ''],
        inside: ['second (ShiftedLog).function'],
      },
    ]);
    expect(report.origins[0]?.explanation).toContain('inside the local function ShiftedLog as second calls it');
    expect(report.notes.join(' ')).toContain('2 calls of local functions were replaced by what they call (ShiftedLog)');
  });

  it('functions that call functions, an input that is left out', async () => {
    const clip = fn(
      'Bounded',
      ['a', 'low', 'high'],
      ['b', 'unused'],
      [node('Clip', ['a', 'low', 'high'], ['b'], { name: 'clip' }), node('Neg', ['a'], ['unused'])],
    );
    const outer = fn(
      'Outer',
      ['a'],
      ['b', 'same'],
      [
        constant('ten', 10),
        call('Bounded', ['a', '', 'ten'], ['bounded', 'rest'], 'bound'),
        call('ShiftedLog', ['bounded'], ['b'], 'inner', [ref('bias', 'offset', AttributeType.FLOAT)]),
        node('Identity', ['a'], ['same']),
      ],
      { attribute: ['offset'] },
    );
    const proto = model(
      [call('Outer', ['x'], ['l', 'p'], 'call', [float('offset', 0.5)]), node('Add', ['l', 'p'], ['y'])],
      { functions: [clip, shiftedLog, outer] },
    );
    await sameOutputs(proto);
    expect(told(await looked(proto))).toMatchObject([
      {
        node: 'call/inner/log',
        positions: ['1-2', ''],
        inside: ['call (Outer).function', 'call/inner (ShiftedLog).function'],
      },
    ]);
  });

  it('names as the caller has them, and an output that nobody wants', async () => {
    const odd = fn(
      'Odd',
      ['y', 'x'],
      ['sum', 'again', 'same'],
      [node('Add', ['y', 'x'], ['sum']), node('Neg', ['sum'], ['again']), node('Exp', ['y'], ['same'])],
    );
    const proto = model(
      [call('Odd', ['x', 'x'], ['same', '', 'again'], 'odd'), node('Add', ['same', 'again'], ['y'])],
      { functions: [odd] },
    );
    await sameOutputs(proto);
    expect(told(await looked(proto))).toEqual([]);
  });

  it('called in a branch, and with a branch of its own', async () => {
    const within = model(
      [
        ...chosen(
          'choose',
          'y',
          branch('t', [call('ShiftedLog', ['x'], ['t'], 'call')], 't'),
          branch('e', [node('Identity', ['x'], ['e'])], 'e'),
        ),
      ],
      { functions: [shiftedLog] },
    );
    await sameOutputs(within);
    expect(told(await looked(within))).toMatchObject([
      {
        node: 'choose/then_branch/call/log',
        op: 'Log',
        positions: ['1-2', ''],
        inside: ['choose (If).then_branch', 'call (ShiftedLog).function'],
      },
    ]);

    const holder = fn(
      'Holder',
      ['a', 'c'],
      ['b'],
      [
        node('If', ['c'], ['b'], {
          name: 'pick',
          attribute: [
            graphAttribute('then_branch', branch('t', [node('Log', ['a'], ['t'], { name: 'log' })], 't')),
            graphAttribute('else_branch', branch('e', [node('Identity', ['a'], ['e'])], 'e')),
          ],
        }),
      ],
    );
    const holding = model(
      [
        constant('zero', 0),
        node('ReduceSum', ['x'], ['total'], { attribute: [{ name: 'keepdims', type: AttributeType.INT, i: 0n }] }),
        node('Greater', ['total', 'zero'], ['yes']),
        node('Not', ['yes'], ['no']),
        call('Holder', ['x', 'no'], ['healthy'], 'first'),
        call('Holder', ['x', 'yes'], ['sick'], 'second'),
        node('Add', ['healthy', 'sick'], ['y']),
      ],
      { functions: [holder] },
    );
    await sameOutputs(holding);
    expect(told(await looked(holding))).toMatchObject([
      {
        node: 'second/pick/then_branch/log',
        positions: ['1-2', ''],
        inside: ['second (Holder).function', 'second/pick (If).then_branch'],
      },
    ]);
  });

  it('a function of another opset stays closed, and the report says so', async () => {
    const old = fn('Old', ['a'], ['b'], [node('Log', ['a'], ['b'])], { opsetImport: [{ domain: '', version: 13n }] });
    const report = await looked(
      model([call('Old', ['x'], ['h'], 'call'), node('Identity', ['h'], ['y'])], { functions: [old] }),
    );
    expect(told(report)).toMatchObject([
      { node: 'call', op: 'Old', mechanism: 'unknown', positions: null, inside: [] },
    ]);
    expect(report.origins[0]?.evidence.notLocated).toContain('it uses opset 13, the model opset 17');
    expect(report.notes.join(' ')).toContain('stayed closed because it uses opset 13, the model opset 17');
  });

  it('a function in a domain of the engine stays closed: a kernel of that name is what runs', async () => {
    const relu = fn('Relu', ['a'], ['b'], [node('Log', ['a'], ['b'])], { domain: '' });
    const proto = model([node('Relu', ['x'], ['y'], { name: 'relu' })], { functions: [relu] });
    expect(inlineFunctions(proto).calls).toBe(0);
    expect(told(await looked(proto))).toEqual([]);
  });

  it('opset imports that only a function has come into the model', async () => {
    const gelu = fn('Wrapped', ['a'], ['b'], [node('QuickGelu', ['a'], ['b'], { domain: 'com.microsoft' })], {
      opsetImport: [
        { domain: '', version: 17n },
        { domain: 'com.microsoft', version: 1n },
      ],
    });
    const proto = create(ModelProtoSchema, model([call('Wrapped', ['x'], ['y'], 'call')], { functions: [gelu] }));
    expect(inlineFunctions(proto).model.opsetImport.map((entry) => entry.domain)).toEqual([
      '',
      'local',
      'com.microsoft',
    ]);
    await sameOutputs(proto);
  });
});
