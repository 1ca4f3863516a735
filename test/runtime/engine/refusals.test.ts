/** What the engine refuses, in the words that a person gets. One job answers all of them: none does harm. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NanoscopeError } from '../../../src/core/errors';
import { createEngine } from '../../../src/runtime/client/engine';
import { workerBundle } from '../../support/workerBundle';
import { doubling, externalFloats, floats, ints, model, node, sequence, T, value } from './models';
import type { ChildJob } from '../../../src/runtime/client/job';
import type { ErrorCode } from '../../../src/core/errors';
import type { TensorData } from '../../../src/core/tensor';

let job: ChildJob;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nanoscope-engine-'));
  await writeFile(join(folder, 'short.bin'), '1234');
  job = createEngine({ workerPath: await workerBundle() }).start();
});
afterAll(async () => {
  await job.close();
  await rm(folder, { recursive: true });
});

const f32 = (...dims: number[]): TensorData => ({
  dtype: 'float32',
  dims,
  data: new Float32Array(dims.reduce((a, b) => a * b, 1)),
});
const i64 = (...values: number[]): TensorData => ({
  dtype: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

async function failure(bytes: Uint8Array, feeds?: Record<string, TensorData>): Promise<NanoscopeError> {
  const options = { level: 'disabled', prepack: false, externalDataFolder: folder } as const;
  const error: unknown = await job
    .createSession(bytes, options)
    .then((session) => (feeds ? job.run({ session: session.id, feeds, fetch: [] }) : undefined))
    .catch((reason: unknown) => reason);
  if (!(error instanceof NanoscopeError)) throw new Error('the engine took it');
  // Nothing of C++ or of the build machine, and whole sentences.
  expect(`${error.message} ${error.hint}`).not.toMatch(/onnxruntime_src|\.cc|\.h:|::|std|undefined|was false/);
  expect(error.message).toMatch(/[.!?]$/);
  expect(error.hint).toMatch(/[.)]$/);
  return error;
}

const x = value('x', [3]);
const y = value('y', [3]);
const one = (made: ReturnType<typeof node>, more: Partial<Parameters<typeof model>[0]> = {}): Uint8Array =>
  model({ nodes: [made], inputs: [x], outputs: [y], ...more });
const external = (entries: Record<string, string>): Uint8Array =>
  one(node('Add', ['x', 'w'], ['y']), { initializers: [externalFloats('w', [3], entries)] });

interface Case {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly feeds?: Record<string, TensorData>;
  readonly code: ErrorCode;
  readonly says: readonly (string | RegExp)[];
}

/** An operator for graphics cards in the middle, casts around it. */
function biasAdd(type: T): Uint8Array {
  const cast = (from: string, into: string, to: T) => node('Cast', [from], [into], { attributes: { to } });
  return model({
    nodes: [
      cast('x', 'a', type),
      cast('bias', 'c', type),
      node('BiasAdd', ['a', 'c', 'a'], ['b'], { name: 'gpu', domain: 'com.microsoft' }),
      cast('b', 'y', T.FLOAT),
    ],
    inputs: [value('x', [1, 1, 3]), value('bias', [3])],
    outputs: [value('y', [1, 1, 3])],
    domains: ['com.microsoft'],
  });
}

const models: readonly Case[] = [
  {
    name: 'an unknown operator',
    bytes: () => one(node('Frobnicate', ['x'], ['y'], { name: '/layers.0/Frob "\n<b>' })),
    code: 'unsupported-op',
    says: ['no operator Frobnicate in ai.onnx opset 17', String.raw`(node "/layers.0/Frob "\u000a<b>")`],
  },
  {
    name: 'an unknown operator of a custom domain',
    bytes: () => one(node('FlashAttn', ['x'], ['y'], { domain: 'com.example' }), { domains: ['com.example'] }),
    code: 'unsupported-op',
    says: ['no operator FlashAttn in the domain com.example'],
  },
  {
    name: 'a domain that is not imported',
    bytes: () => one(node('FlashAttn', ['x'], ['y'], { domain: 'com.example', name: 'n1' })),
    code: 'corrupt-model',
    says: ['com.example', '"n1"'],
  },
  {
    name: 'opset 27',
    bytes: () => one(node('Add', ['x', 'x'], ['y']), { opset: 27 }),
    code: 'unsupported-opset',
    says: ['opset 27 of ai.onnx', 'up to 26'],
  },
  {
    name: 'IR version 14',
    bytes: () => one(node('Add', ['x', 'x'], ['y']), { ir: 14 }),
    code: 'unsupported-opset',
    says: ['IR version 14', 'up to 13'],
  },
  {
    name: 'bfloat16 inside',
    bytes: () =>
      model({
        nodes: [
          node('Cast', ['x'], ['a'], { attributes: { to: T.BFLOAT16 } }),
          node('MatMul', ['a', 'a'], ['b'], { name: '/attn/MatMul' }),
          node('Cast', ['b'], ['y'], { attributes: { to: T.FLOAT } }),
        ],
        inputs: [value('x', [3, 3])],
        outputs: [value('y', [3, 3])],
      }),
    code: 'unsupported-type',
    says: [
      'The CPU engine cannot run this bfloat16 model as it is: it has no bfloat16 kernel for MatMul (node "/attn/MatMul").',
      'cast to float32',
    ],
  },
  {
    name: 'a float16 operator that the CPU has in no type',
    bytes: () => biasAdd(T.FLOAT16),
    code: 'unsupported-op',
    says: [
      'The CPU engine has no kernel for BiasAdd of the domain com.microsoft (node "gpu"), in float32 no more than in float16.',
      'before it was optimised',
    ],
  },
  {
    name: 'a float32 operator that the CPU does not have',
    bytes: () => biasAdd(T.FLOAT),
    code: 'unsupported-op',
    says: [
      'The CPU engine has no kernel for BiasAdd of the domain com.microsoft (node "gpu").',
      'before it was optimised',
    ],
  },
  {
    name: 'bfloat16 input',
    bytes: () =>
      model({
        nodes: [node('Cast', ['x'], ['y'], { attributes: { to: T.FLOAT } })],
        inputs: [value('x', [3], T.BFLOAT16)],
        outputs: [y],
      }),
    code: 'unsupported-type',
    says: ['cannot run this model as it is', 'bfloat16', 'cast to float32'],
  },
  {
    name: 'a type that an operator does not take',
    bytes: () =>
      model({
        nodes: [node('Softmax', ['x'], ['y'], { name: 'sm' })],
        inputs: [value('x', [3], T.INT32)],
        outputs: [value('y', [3], T.INT32)],
      }),
    code: 'unsupported-type',
    says: ['Softmax (node "sm") does not take int32'],
  },
  {
    name: 'missing external data',
    bytes: () => external({ location: 'nope.bin', offset: '0', length: '12' }),
    code: 'external-data-missing',
    says: ['the weight "w" is missing', 'nope.bin'],
  },
  {
    name: 'external data at an absolute path',
    bytes: () => external({ location: '/etc/hostname', offset: '0', length: '12' }),
    code: 'external-data-escapes',
    says: ['"w"', "outside the model's folder"],
  },
  {
    name: 'external data that climbs out',
    bytes: () => external({ location: '../../../etc/hostname', offset: '0', length: '12' }),
    code: 'external-data-escapes',
    says: ['"w"', "outside the model's folder"],
  },
  {
    name: 'external data that ends early',
    bytes: () => external({ location: 'short.bin', offset: '0', length: '12' }),
    code: 'truncated',
    says: ['"w"', 'ends early (4 bytes)'],
  },
  {
    name: 'external data of another length than the shape says',
    bytes: () => external({ location: 'short.bin', offset: '0', length: '4' }),
    code: 'corrupt-model',
    says: ['size mismatch'],
  },
  { name: 'no bytes', bytes: () => new Uint8Array(0), code: 'corrupt-model', says: ['no valid ONNX protobuf'] },
  {
    name: 'bytes that are something else',
    bytes: () => new TextEncoder().encode('\u0089PNG not a model at all'),
    code: 'corrupt-model',
    says: ['no valid ONNX protobuf'],
  },
  {
    name: 'half a model',
    bytes: () => {
      const whole = doubling();
      return whole.subarray(0, whole.length >> 1);
    },
    code: 'corrupt-model',
    says: ['no valid ONNX protobuf'],
  },
  {
    name: 'a cycle',
    bytes: () =>
      model({
        nodes: [node('Add', ['x', 'b'], ['a']), node('Add', ['a', 'x'], ['b'])],
        inputs: [x],
        outputs: [value('a', [3])],
      }),
    code: 'corrupt-model',
    says: ['has a cycle'],
  },
  {
    name: 'an input of a node that nothing makes',
    bytes: () => one(node('Add', ['x', 'nowhere'], ['y'])),
    code: 'corrupt-model',
    says: ["'nowhere' is not a graph input"],
  },
  {
    name: 'two tensors of one name',
    bytes: () =>
      model({ nodes: [node('Add', ['x', 'x'], ['y']), node('Mul', ['x', 'x'], ['y'])], inputs: [x], outputs: [y] }),
    code: 'corrupt-model',
    says: ['Duplicate definition of name (y)'],
  },
  {
    name: 'an output that nothing makes',
    bytes: () => one(node('Add', ['x', 'x'], ['z'])),
    code: 'corrupt-model',
    says: ['Graph output (y) does not exist'],
  },
  {
    name: 'shapes that cannot be multiplied',
    bytes: () =>
      model({
        nodes: [node('MatMul', ['x', 'w'], ['y'], { name: 'n1' })],
        inputs: [value('x', [3, 4])],
        outputs: [value('y', [3, 4])],
        initializers: [floats('w', [5, 4])],
      }),
    code: 'corrupt-model',
    says: ['Incompatible dimensions'],
  },
  {
    name: 'a missing attribute',
    bytes: () => one(node('Cast', ['x'], ['y'], { name: 'n1' })),
    code: 'corrupt-model',
    says: ["Required attribute 'to' is missing"],
  },
];

const runs: readonly Case[] = [
  {
    name: 'a missing input',
    bytes: () => doubling(),
    feeds: {},
    code: 'bad-input',
    says: ['The input "x" is missing.', 'float32 [b, 3]'],
  },
  {
    name: 'an input that the model does not have',
    bytes: () => doubling(),
    feeds: { x: f32(2, 3), attention_mask: f32(2, 3) },
    code: 'bad-input',
    says: ['no input called "attention_mask"', '"x" (float32 [b, 3])'],
  },
  {
    name: 'the wrong type',
    bytes: () => doubling(),
    feeds: { x: i64(1, 2, 3) },
    code: 'bad-input',
    says: ['"x" must be float32', 'int64 [3]'],
  },
  {
    name: 'the wrong rank',
    bytes: () => doubling(),
    feeds: { x: f32(3) },
    code: 'bad-input',
    says: ['"x" must have 2 axes [b, 3]', 'float32 [3]'],
  },
  {
    name: 'the wrong size',
    bytes: () => doubling(),
    feeds: { x: f32(2, 4) },
    code: 'bad-input',
    says: ['[b, 3]', '[2, 4]', 'axis 1 is fixed to 3'],
  },
  {
    name: 'data that do not fill their shape',
    bytes: () => doubling(),
    feeds: { x: { dtype: 'float32', dims: [2, 3], data: new Float32Array(5) } },
    code: 'bad-input',
    says: ['5 elements', '[2, 3]'],
  },
  {
    name: 'a token beyond the vocabulary',
    bytes: () =>
      model({
        nodes: [node('Gather', ['w', 'x'], ['y'], { name: '/embed/Gather' })],
        inputs: [value('x', ['s'], T.INT64)],
        outputs: [value('y', ['s', 4])],
        initializers: [floats('w', [5, 4])],
      }),
    feeds: { x: i64(9) },
    code: 'bad-input',
    says: ['Gather (node "/embed/Gather")', '9 is not within -5 to 4', 'vocabulary'],
  },
  {
    name: 'two inputs that disagree about a symbol',
    bytes: () =>
      model({
        nodes: [node('Add', ['x', 'm'], ['y'], { name: '/attn/Add' })],
        inputs: [value('x', ['batch', 'seq']), value('m', ['batch', 'seq'])],
        outputs: [value('y', ['batch', 'seq'])],
      }),
    feeds: { x: f32(2, 3), m: f32(2, 5) },
    code: 'bad-input',
    says: ['"seq" is 3 in "x" and 5 in "m"', 'Add (node "/attn/Add") failed', '3 by 5'],
  },
  {
    name: 'a node that fails inside',
    bytes: () =>
      model({
        nodes: [node('Reshape', ['x', 's'], ['y'], { name: '/layers.1/Reshape' })],
        inputs: [value('x', ['a', 'b'])],
        outputs: [value('y', [2, 5])],
        initializers: [ints('s', [2, 5])],
      }),
    feeds: { x: f32(3, 3) },
    code: 'engine-failed',
    says: ['Reshape (node "/layers.1/Reshape") failed', 'cannot be reshaped', '{3,3}', '{2,5}'],
  },
  {
    name: 'a tensor larger than any memory',
    bytes: () =>
      model({
        nodes: [node('Expand', ['x', 's'], ['y'])],
        inputs: [value('x', [1])],
        outputs: [value('y', null)],
        initializers: [ints('s', [2 ** 44])],
      }),
    feeds: { x: f32(1) },
    code: 'out-of-memory',
    says: ['ran out of memory', '67108864 MB'],
  },
];

describe('models that the engine refuses', () => {
  it.each(models)('$name', async ({ bytes, code, says }) => {
    const error = await failure(bytes());
    expect(error.code).toBe(code);
    for (const text of says) expect(`${error.message} ${error.hint}`).toMatch(matcher(text));
  });
});

describe('batches that the engine refuses', () => {
  it.each(runs)('$name', async ({ bytes, feeds, code, says }) => {
    const error = await failure(bytes(), feeds);
    expect(error.code).toBe(code);
    for (const text of says) expect(`${error.message} ${error.hint}`).toMatch(matcher(text));
  });

  it('and outputs whose type the binding cannot hand over, some of which would crash it', async () => {
    const bytes = model({
      nodes: [
        node('Cast', ['x'], ['text'], { attributes: { to: T.STRING } }),
        node('Cast', ['x'], ['nibbles'], { attributes: { to: T.UINT4 } }),
        node('SequenceConstruct', ['x', 'x'], ['list']),
        node('Neg', ['x'], ['y']),
      ],
      inputs: [x],
      outputs: [value('text', [3], T.STRING), value('nibbles', [3], T.UINT4), sequence('list', [3]), y],
      opset: 21,
      ir: 10,
    });
    const session = await job.createSession(bytes, { level: 'disabled', prepack: false });
    expect(session.outputs.map((output) => output.dtype)).toEqual(['string', 'uint4', 'non-tensor', 'float32']);
    for (const name of ['text', 'nibbles', 'list']) {
      const error: unknown = await job
        .run({ session: session.id, feeds: { x: f32(3) }, fetch: [name] })
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'unsupported-type' });
      expect(String(error)).toContain(`"${name}"`);
    }
    // With nothing to fetch the engine still has to be asked for something: the one that is safe.
    await job.run({ session: session.id, feeds: { x: f32(3) }, fetch: [] });
  });

  it('and the job works on', async () => {
    const session = await job.createSession(doubling(), { level: 'all', prepack: true });
    const { tensors } = await job.run({ session: session.id, feeds: { x: f32(1, 3) }, fetch: ['y'] });
    expect(tensors.y).toEqual(f32(1, 3));
  });
});

const matcher = (text: string | RegExp): RegExp =>
  typeof text === 'string' ? new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : text;
