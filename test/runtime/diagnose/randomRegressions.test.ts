/** What random graphs brought to light, each as small as it gets. The brute force says the truth, and so does the test. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { check } from '../../support/randomGraphs/check';
import type { Diagnoser } from '../../support/randomGraphs/diagnoseMany';
import { diagnoser } from '../../support/randomGraphs/diagnoseMany';
import type { Role, Val } from '../../support/randomGraphs/sketch';
import { size, Sketch } from '../../support/randomGraphs/sketch';

const inf = Infinity;

let engine: Diagnoser | null = null;
beforeAll(async () => {
  engine = await diagnoser();
});
afterAll(() => engine?.close());

/** Input x of [samples, positions, 2], all 1 but for what is put in: [sample, position, value]. */
function input(
  k: Sketch,
  dims: readonly number[],
  put: readonly (readonly [number, number, number])[],
  name = 'x',
): Val {
  const data = new Array<number>(size(dims)).fill(1);
  for (const [sample, position, value] of put) data[(sample * dims[1]! + position) * dims[2]!] = value;
  return k.input(name, 'float32', dims, ['batch', 'seq', dims[2]!], ['s', 'q', '.'], data);
}

/** Origins that the product finds, after brute force has found the same. */
async function origins(build: (k: Sketch) => readonly Val[], sizes: { samples: number; positions: number }) {
  const k = new Sketch(1, 17);
  k.outputs.push(...build(k));
  const checked = await check(
    {
      seed: 1,
      opset: 17,
      faulty: true,
      model: k.build(),
      feeds: k.feeds,
      hints: k.hints,
      samples: sizes.samples,
      positions: [sizes.positions],
      mask: undefined,
      operators: k.operators,
    },
    engine!,
  );
  expect(checked.text).toBe('');
  return checked.report.origins.map(({ op, positions }) => [op, positions]);
}

it('token shift: a token that meets the NaN of the one before it gives birth to none', async () => {
  const build = (k: Sketch): Val[] => {
    const log = k.unary('Log', input(k, [1, 4, 2], [[0, 1, -1]]));
    const before = k.concat([k.weight([1, 1, 2], [0, 0]), k.slice(log, 1, 0, 3)], 1);
    return [k.binary('Add', log, before)];
  };
  expect(await origins(build, { samples: 1, positions: 4 })).toEqual([['Log', ['1']]]);
});

it('token shift by Pad and Slice: born where +inf meets the −inf of the token before it', async () => {
  const build = (k: Sketch): Val[] => {
    const x = input(
      k,
      [2, 4, 2],
      [
        [1, 1, -inf],
        [1, 2, inf],
      ],
    );
    const padded = k.node('Pad', [x, k.ints([0, 1, 0, 0, 0, 0])], [2, 5, 2]);
    return [k.binary('Add', x, k.slice(padded, 1, 0, 4))];
  };
  expect(await origins(build, { samples: 2, positions: 4 })).toEqual([['Add', ['', '2']]]);
});

it('token shift: the zeros in front are clean, whatever is NaN elsewhere in the sample', async () => {
  const build = (k: Sketch): Val[] => {
    const x = k.binary(
      'Add',
      input(k, [1, 4, 2], [[0, 0, inf]]),
      k.unary('Log', input(k, [1, 4, 2], [[0, 2, -1]], 'f')),
    );
    const padded = k.node('Pad', [x, k.ints([0, 1, 0, 0, 0, 0])], [1, 5, 2]);
    return [k.binary('Mul', x, k.slice(padded, 1, 0, 4))];
  };
  expect(await origins(build, { samples: 1, positions: 4 })).toEqual(
    expect.arrayContaining([
      ['Log', ['2']],
      ['Mul', ['0']],
    ]),
  );
});

it('samples in another order: what one lent to another is not born there', async () => {
  const build = (k: Sketch): Val[] => {
    const log = k.unary('Log', input(k, [3, 2, 2], [[0, 1, -1]]));
    return [k.binary('Sub', log, k.gather(log, k.ints([1, 2, 0]), 0))];
  };
  expect(await origins(build, { samples: 3, positions: 2 })).toEqual([['Log', ['1', '', '']]]);
});

it.each([1, -2])('running sums along axis %d: born before the first NaN, carried after it', async (axis) => {
  const build = (k: Sketch): Val[] => {
    const x = input(
      k,
      [1, 5, 2],
      [
        [0, 0, inf],
        [0, 1, -inf],
      ],
    );
    const log = k.binary('Add', x, k.unary('Log', input(k, [1, 5, 2], [[0, 3, -1]], 'f')));
    return [k.node('CumSum', [log, k.ints([axis], [])], log.dims)];
  };
  expect(await origins(build, { samples: 1, positions: 5 })).toEqual(
    expect.arrayContaining([
      ['Log', ['3']],
      ['CumSum', ['1-2']],
    ]),
  );
});

it('a value against itself in one product: other positions are read too', async () => {
  const build = (k: Sketch): Val[] => {
    const log = k.unary('Log', input(k, [1, 3, 2], [[0, 2, -1]]));
    return [k.einsum('bqd,bkd->bqk', log, log)];
  };
  expect(await origins(build, { samples: 1, positions: 3 })).toEqual([['Log', ['2']]]);
});

it('a convolution over positions: born where its own neighbours meet, others clean', async () => {
  const build = (k: Sketch): Val[] => {
    const x = input(
      k,
      [1, 6, 1],
      [
        [0, 1, inf],
        [0, 3, -inf],
      ],
    );
    const conv = k.node('Conv', [k.transpose(x, [0, 2, 1]), k.weight([1, 1, 3], [1, 1, 1])], [1, 1, 6], {
      pads: [1, 1],
    });
    k.say(conv, ['s', '.', 'q'] satisfies Role[]);
    return [k.transpose(conv, [0, 2, 1])];
  };
  expect(await origins(build, { samples: 1, positions: 6 })).toEqual([['Conv', ['2']]]);
});

it('samples against samples: the row says whose NaN it is', async () => {
  const build = (k: Sketch): Val[] => {
    const x = input(k, [3, 2, 2], [[1, 0, inf]]);
    const vector = k.say(k.gather(x, k.ints([0], []), 1), ['s', '.']);
    return [k.matmul(vector, k.transpose(k.binary('Sub', vector, k.weight([2], [1, 1])), [1, 0]))];
  };
  // Row 1 is +inf · 0 against the others; rows 0 and 2 meet only +inf · 1.
  expect(await origins(build, { samples: 3, positions: 2 })).toEqual([['MatMul', ['', '0', '']]]);
});

it('as many routed rows as there are tokens, in another order: every row stays whose it is', async () => {
  const build = (k: Sketch): Val[] => {
    const x = input(k, [2, 2, 2], [[1, 0, -1]]);
    const rows = k.gather(k.reshape(x, [4, 2]), k.ints([2, 0, 3, 1]), 0);
    const zeros = k.weight([4, 2], new Array<number>(8).fill(0));
    const back = k.node('ScatterND', [zeros, k.ints([2, 0, 3, 1], [4, 1]), k.unary('Log', rows)], [4, 2]);
    k.sayAt(back, ([row = 0]) => ({ s: Math.floor(row / 2), q: row % 2 }));
    return [k.binary('Add', x, k.reshape(back, [2, 2, 2]))];
  };
  expect(await origins(build, { samples: 2, positions: 2 })).toEqual([['Log', ['', '0']]]);
});
