/** Tensors of JavaScript values, read by the very expression that is evaluated in a stopped frame. */
import vm from 'node:vm';
import { Tensor } from 'onnxruntime-common';
import { describe, expect, it } from 'vitest';
import type { Adapter } from '../../src/app/live/ports';
import type { LiveDetail, LiveScope, LiveTensor } from '../../src/core/live/tensor';
import { JavascriptReader } from '../../src/debug/javascriptReader';

/** A frame whose variables are `values`; expressions are evaluated as a debugger does, among them. */
function frameOf(values: Readonly<Record<string, unknown>>, extraNames: readonly string[] = []): JavascriptReader {
  const names = Object.keys(values);
  const adapter: Adapter = {
    names: async () => Promise.resolve([...names, ...extraNames]),
    evaluate: async ({ expression }) => {
      const run = vm.compileFunction(`return ${expression}`, names) as (...args: unknown[]) => unknown;
      return Promise.resolve({ result: String(run(...Object.values(values))), type: 'string' });
    },
  };
  return new JavascriptReader(adapter);
}

const frame = { frameId: 1 };
const scopeOf = async (values: Readonly<Record<string, unknown>>, budgetMs = 2000): Promise<LiveScope> => {
  const scope = await frameOf(values).scope(frame, { budgetMs });
  if (!scope) throw new Error('no scope');
  return scope;
};
const pathsOf = ({ tensors }: LiveScope): (string | null)[] => tensors.map(({ path }) => path);
const one = async (value: unknown): Promise<LiveTensor> => {
  const [tensor] = (await scopeOf({ value })).tensors;
  if (!tensor) throw new Error('no tensor');
  return tensor;
};
const detailOf = async (
  values: Readonly<Record<string, unknown>>,
  expression: string,
  index?: readonly number[],
): Promise<LiveDetail> => {
  const options = index === undefined ? { budgetMs: 2000 } : { budgetMs: 2000, index };
  const detail = await frameOf(values).detail(frame, expression, options);
  if (!detail) throw new Error('no tensor');
  return detail;
};

/** Left padding of the investigation: 30 of 35 positions of sample 0. */
const mask = (): Tensor => {
  const data = BigInt64Array.from({ length: 70 }, (_, i) => (i < 30 ? 0n : 1n));
  return new Tensor('int64', data, [2, 35]);
};

describe('figures', () => {
  it('counts NaN and both infinities, and gives the range of the rest', async () => {
    expect(await one(Float32Array.of(1, NaN, -3, Infinity, NaN, -Infinity, 5))).toMatchObject({
      library: 'javascript',
      type: 'Float32Array',
      dtype: 'float32',
      shape: [7],
      counts: { nan: 2, posInf: 1, negInf: 1 },
      min: -3,
      max: 5,
      mean: 1,
    });
  });

  it('reads half precision as ONNX Runtime stores it, as words', async () => {
    // 1.5, NaN, +Inf, -Inf, the smallest subnormal, -0, 65504: IEEE 754 binary16.
    const words = Uint16Array.of(0x3e00, 0x7e01, 0x7c00, 0xfc00, 0x0001, 0x8000, 0x7bff);
    expect(await one(new Tensor('float16', words, [7]))).toMatchObject({
      library: 'onnxruntime',
      dtype: 'float16',
      counts: { nan: 1, posInf: 1, negInf: 1 },
      min: 0,
      max: 65504,
      mean: (1.5 + 2 ** -24 + 65504) / 4,
    });
  });

  it.each([
    ['int64', new Tensor('int64', BigInt64Array.of(-2n, 5n), [2]), -2, 5],
    ['uint8', Uint8Array.of(3, 200), 3, 200],
    ['bool', new Tensor('bool', Uint8Array.of(0, 1), [2]), 0, 1],
    ['float64', Float64Array.of(1e300, -1e300), -1e300, 1e300],
  ])('reads %s', async (dtype, value, min, max) => {
    expect(await one(value)).toMatchObject({ dtype, min, max, counts: { nan: 0, posInf: 0, negInf: 0 } });
  });

  it('says what is left out when the time is over, and reads small ones first', async () => {
    const values = { huge: new Float32Array(4e7), small: Float32Array.of(NaN) };
    const scope = await scopeOf(values, 5);
    expect(scope.outOfTime).toBe(true);
    expect(scope.tensors.find(({ path }) => path === 'small')?.counts?.nan).toBe(1);
    const huge = scope.tensors.find(({ path }) => path === 'huge');
    expect(huge?.scanned ?? 0).toBeGreaterThan(0);
    expect(huge?.scanned).toBeLessThan(4e7);
  });

  it('counts ten million elements within two seconds, each of them', async () => {
    const data = new Float32Array(1e7);
    for (let i = 0; i < data.length; i += 10) data[i] = NaN;
    const tensor = await one(data);
    expect([tensor.counts?.nan, tensor.scanned]).toEqual([1e6, null]);
  });
});

describe('what a frame reaches', () => {
  it('goes through objects, arrays, maps and instances, each with an expression that gives it there', async () => {
    class Model {
      readonly layers = [{ weight: Float32Array.of(1) }];
      readonly #hidden = Float32Array.of(2);
      get secret(): Float32Array {
        return this.#hidden;
      }
    }
    const outputs = { logits: new Tensor('float32', Float32Array.of(NaN), [1]), 'last hidden': Float32Array.of(3) };
    const values = {
      outputs,
      model: new Model(),
      past: new Map([['k', Float32Array.of(4)]]),
      set: new Set([Int8Array.of(5)]),
    };
    const scope = await scopeOf(values);
    expect(pathsOf(scope)).toEqual([
      'outputs.logits',
      'outputs["last hidden"]',
      'past.get("k")',
      null,
      'model.layers[0].weight',
    ]);
    for (const path of pathsOf(scope)) {
      if (path !== null) expect((await detailOf(values, path)).elements).toBe(1);
    }
  });

  it('tells one that is seen twice from two', async () => {
    const shared = Float32Array.of(NaN);
    const scope = await scopeOf({ a: shared, b: { c: shared }, d: Float32Array.of(NaN) });
    expect(scope.tensors.map(({ path, sameAs, counts }) => [path, sameAs, counts?.nan])).toEqual([
      ['a', null, 1],
      ['d', null, 1],
      ['b.c', 'a', 1],
    ]);
  });

  it('leaves out variables without a value yet, names that are none, and what Node gives every module', async () => {
    const reader = frameOf({ x: Float32Array.of(1), require: Float32Array.of(1) }, [
      'notThere',
      'Return value',
      '[[Scopes]]',
      'x',
      'class',
    ]);
    expect((await reader.scope(frame, { budgetMs: 1000 }))?.tensors.map(({ path }) => path)).toEqual(['x']);
  });
});

describe('values that nobody planned for', () => {
  const calls: string[] = [];
  const hostile = {
    get data(): unknown {
      calls.push('getter');
      throw new Error('ran');
    },
    toJSON(): string {
      calls.push('toJSON');
      return '';
    },
    [Symbol.iterator](): never {
      calls.push('iterator');
      throw new Error('ran');
    },
    valueOf(): number {
      calls.push('valueOf');
      return 1;
    },
  };
  const cyclic: Record<string, unknown> = { x: Float32Array.of(1) };
  cyclic['self'] = cyclic;
  const transferred = Float32Array.of(1, 2);
  structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
  const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => [inner], Float32Array.of(1));
  class Tagged {
    get [Symbol.toStringTag](): string {
      calls.push('tag');
      return 'Float32Array';
    }
  }
  const resizable = new Float32Array(
    // Typed arrays over memory that grows follow it.
    new (ArrayBuffer as new (length: number, options: { maxByteLength: number }) => ArrayBuffer)(8, {
      maxByteLength: 64,
    }),
  );
  const disposed = new Tensor('float32', Float32Array.of(1), [1]);
  disposed.dispose();
  const onGpu = Tensor.fromGpuBuffer({} as never, { dataType: 'float32', dims: [2, 2] });
  const throwing = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('trap');
      },
      getOwnPropertyDescriptor: () => {
        throw new Error('trap');
      },
      getPrototypeOf: () => {
        throw new Error('trap');
      },
    },
  );
  const foreign: unknown = vm.runInNewContext('Float32Array.of(NaN, 1)');
  const odd = (dims: unknown, type: unknown, cpuData: unknown): object => ({
    dims,
    type,
    cpuData,
    dataLocation: 'cpu',
  });

  it.each<[string, unknown, readonly [string | null, number | string | null][]]>([
    ['nothing', undefined, []],
    ['null', null, []],
    ['a number that is NaN', NaN, []],
    ['text', 'Float32Array', []],
    ['a symbol', Symbol('x'), []],
    ['a big integer', 10n, []],
    ['a function with tensors on it', Object.assign(() => 1, { w: Float32Array.of(1) }), []],
    ['a promise', Promise.resolve(Float32Array.of(1)), []],
    ['a weak map', new WeakMap(), []],
    ['getters, toJSON, iterators and valueOf that would run', hostile, []],
    ['a false tag', new Tagged(), []],
    ['a proxy whose traps raise', throwing, []],
    ['a proxy around a tensor', new Proxy(new Tensor('float32', Float32Array.of(NaN), [1]), {}), [['v', 1]]],
    ['a cyclic object', cyclic, [['v.x', 0]]],
    ['an object without a prototype', Object.assign(Object.create(null), { x: Float32Array.of(NaN) }), [['v.x', 1]]],
    ['a list that holds one too deep', deep, []],
    [
      'a list with holes',
      Object.assign(Array.from({ length: 0 }), { 1: Float32Array.of(NaN), length: 2 }),
      [['v[1]', 1]],
    ],
    ['a list of a million', Array.from({ length: 1e6 }, () => 0), []],
    ['an empty array', new Float32Array(0), [['v', 0]]],
    ['an array whose memory is gone', transferred, [['v', 'Its memory was transferred to somebody else.']]],
    ['an array over memory that grows', resizable, [['v', 0]]],
    ['an array over shared memory', new Float32Array(new SharedArrayBuffer(8)), [['v', 0]]],
    ['an array of another realm', foreign, [['v', 1]]],
    ['a Buffer', Buffer.from('bytes'), []],
    ['a DataView', new DataView(new ArrayBuffer(8)), []],
    ['a tensor without dimensions', new Tensor('float32', Float32Array.of(NaN), []), [['v', 1]]],
    ['an empty tensor', new Tensor('float32', new Float32Array(0), [2, 0, 3]), [['v', 0]]],
    ['a tensor of text', new Tensor('string', ['a'], [1]), [['v', 'Text.']]],
    [
      'packed integers',
      new Tensor('int4', new Uint8Array(2), [4]),
      [['v', 'Packed 4-bit integers, which cannot be NaN.']],
    ],
    ['a disposed tensor', disposed, [['v', 'Disposed.']]],
    ['a tensor on the GPU', onGpu, [['v', 'Its data is not on the CPU. Await getData() to read it.']]],
    [
      'a tensor whose data is too short',
      odd([2, 3], 'float32', Float32Array.of(1)),
      [['v', 'Its data has 1 elements, its shape 6.']],
    ],
    [
      'a tensor with data of another type',
      odd([1], 'float32', Int8Array.of(1)),
      [['v', 'Its data is not what its type says.']],
    ],
    ['what only looks like a tensor', odd([-1, 'x'], 'float32', Float32Array.of(1)), [['v.cpuData', 0]]],
    [
      'dimensions beyond all numbers',
      odd([2 ** 40, 2 ** 40], 'float32', Float32Array.of(1)),
      [['v', 'Its data has 1 elements, its shape 9007199254740991.']],
    ],
    ['the tensor of transformers.js', { ort_tensor: new Tensor('float32', Float32Array.of(NaN, 1), [2]) }, [['v', 1]]],
    ['an operating system’s worth of names', globalThis, []],
  ])('%s', async (_, v, expected) => {
    const { tensors } = await scopeOf({ v });
    expect(tensors.map(({ path, counts, skipped }) => [path, skipped ?? counts?.nan ?? null])).toEqual(expected);
    expect(calls).toEqual([]);
  });

  it('gives no detail for what is no tensor or raises', async () => {
    const reader = frameOf({ v: hostile });
    expect(await reader.detail(frame, 'v', { budgetMs: 1000 })).toBeNull();
    expect(await reader.detail(frame, 'v.no.such', { budgetMs: 1000 })).toBeNull();
  });
});

describe('one tensor close up', () => {
  it('splits positions by the mask of the frame, as in the investigation', async () => {
    const data = new Float32Array(2 * 2 * 35 * 35);
    // Rows 0 to 29 of both heads of sample 0.
    for (let head = 0; head < 2; head += 1) data.fill(NaN, head * 1225, head * 1225 + 30 * 35);
    const values = { probs: new Tensor('float32', data, [2, 2, 35, 35]), feeds: { attention_mask: mask() } };
    const { cells, roles, axes } = await detailOf(values, 'probs');
    expect(axes).toEqual({ sample: 0, position: 2, why: 'Axes 0 and 2 have the lengths of feeds.attention_mask.' });
    expect(roles).toEqual({ from: 'feeds.attention_mask', rows: ['p'.repeat(30) + 'r'.repeat(5), 'r'.repeat(35)] });
    expect(cells?.nan).toEqual([
      Array.from({ length: 35 }, (_, position) => (position < 30 ? 70 : 0)),
      Array.from({ length: 35 }, () => 0),
    ]);
  });

  it.each([
    [[35, 2, 4], { sample: 1, position: 0 }, 'Positions come first'],
    [[70, 4], { sample: 0, position: 0 }, 'Axis 0 holds samples times positions'],
    [[6, 35, 35], { sample: 0, position: 1 }, 'Axis 0 holds samples times heads'],
    [[2, 35], { sample: 0, position: 1 }, 'have the lengths of mask'],
    [[3, 7, 4], { sample: 0, position: 1 }, 'By its 3 axes alone'],
    [[3], { sample: null, position: null }, 'A tensor of 1 axis has no usual axes'],
  ])('knows the axes of %j', async (shape, expected, why) => {
    const size = shape.reduce((a, b) => a * b);
    const data = new Float32Array(size);
    data[size - 1] = NaN;
    const { axes, cells } = await detailOf({ x: new Tensor('float32', data, shape), mask: mask() }, 'x');
    expect(axes).toMatchObject(expected);
    expect(axes.why).toContain(why);
    // The last element stands at the last sample and position, whatever the axes are.
    if (cells) expect(cells.nan.at(-1)?.at(-1)).toBe(1);
    expect(cells?.nan.flat().filter((count) => count > 0).length ?? 1).toBe(1);
  });

  it('takes no triangle for padding, and true for padding in a bool padding mask', async () => {
    const triangle = new Tensor(
      'bool',
      Uint8Array.from({ length: 9 }, (_, i) => Number(i % 3 <= Math.floor(i / 3))),
      [3, 3],
    );
    const padding = new Tensor('bool', Uint8Array.of(1, 0, 0, 0, 0, 0, 1, 1, 0), [3, 3]);
    const x = new Tensor('float32', new Float32Array(9), [3, 3]);
    expect((await detailOf({ x, causal_mask: triangle }, 'x')).roles).toBeNull();
    expect((await detailOf({ x, keyPaddingMask: padding }, 'x')).roles?.rows).toEqual(['prr', 'rrr', 'ppr']);
  });

  it('shows a corner of the slice that was asked for, and a histogram', async () => {
    const data = Float32Array.from({ length: 2 * 3 * 10 * 9 }, (_, i) => i);
    data[(1 * 3 + 2) * 90] = NaN;
    const { values, index, histogram } = await detailOf({ x: new Tensor('float32', data, [2, 3, 10, 9]) }, 'x', [1, 2]);
    expect(index).toEqual([1, 2]);
    expect(values?.length).toBe(8);
    expect(values?.[0]?.slice(0, 3)).toEqual(['NaN', 451, 452]);
    expect(values?.[7]?.[7]).toBe(450 + 7 * 9 + 7);
    expect(histogram?.counts.reduce((a, b) => a + b)).toBe(539);
    expect([histogram?.edges[0], histogram?.edges.at(-1)]).toEqual([0, 539]);
  });

  it('shows integers beyond 2⁵³ digit by digit', async () => {
    const x = new Tensor('int64', BigInt64Array.of(9_007_199_254_740_993n, 1n), [1, 2]);
    expect((await detailOf({ x }, 'x')).values).toEqual([['9007199254740993', 1]]);
  });
});
