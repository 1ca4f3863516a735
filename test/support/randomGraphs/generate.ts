/** A small random model with its batch, and what its builder knows of positions. */
import type { ModelProto } from 'onnx-buf';
import type { Hint } from '../bruteForce/labels';
import type { Fed } from '../bruteForce/run';
import { attention } from './attention';
import type { Block } from './faults';
import { faults, plain } from './faults';
import { moves } from './moves';
import { Sketch } from './sketch';
import type { Val } from './sketch';
import { World } from './world';

export interface RandomGraph {
  readonly seed: number;
  readonly opset: number;
  readonly faulty: boolean;
  readonly model: ModelProto;
  readonly feeds: Readonly<Record<string, Fed>>;
  readonly hints: ReadonlyMap<string, Hint>;
  readonly samples: number;
  readonly positions: readonly number[];
  readonly mask: string | undefined;
  readonly operators: ReadonlySet<string>;
}

export const opsets = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];

/** Every seventh graph is healthy: nothing is planted and no row is masked entirely. */
export function randomGraph(seed: number): RandomGraph {
  const opset = opsets[seed % opsets.length]!;
  const sketch = new Sketch(seed, opset);
  const { random } = sketch;
  const faulty = seed % 7 !== 0;
  const twoSequences = random.chance(0.2);
  const w = new World(
    sketch,
    {
      batch: random.int(1, 3),
      tokens: random.int(2, 5),
      memory: twoSequences ? random.int(2, 5) : 0,
      heads: random.int(1, 3),
      width: random.int(2, 3),
    },
    faulty,
  );
  let x = inputs(w);
  const blocks = random.int(2, 5);
  for (let i = 0; i < blocks; i += 1) {
    const kind = random.next();
    if (kind < 0.3) x = attention(w, x);
    else {
      const list: readonly Block[] = kind < 0.6 ? faults : kind < 0.9 ? moves : plain;
      const next = random.pick(list)(w, x);
      // NaN everywhere says little: what a block left stays an output, and the next one starts afresh.
      if (random.chance(0.25) && next !== x) w.side.push(next);
      else x = next;
    }
  }
  sketch.outputs.push(
    ...new Map([...w.side, x].filter((val) => produced(sketch, val)).map((val) => [val.name, val])).values(),
  );
  if (sketch.outputs.length === 0) sketch.outputs.push(sketch.unary('Identity', x));
  return {
    seed,
    opset,
    faulty,
    model: sketch.build(),
    feeds: sketch.feeds,
    hints: sketch.hints,
    samples: w.sizes.batch,
    positions: twoSequences ? [w.sizes.tokens, w.sizes.memory] : [w.sizes.tokens],
    mask: w.mask?.name,
    operators: sketch.operators,
  };
}

const produced = (sketch: Sketch, val: Val): boolean => sketch.nodes.some((node) => node.output?.includes(val.name));

function inputs(w: World): Val {
  const { sketch: k, random } = w;
  const { batch, tokens, memory } = w.sizes;
  const prefix = w.prefix();
  const length = memory > 0 ? 'tgt_len' : 'seq';
  const numbers = (n: number): number[] => Array.from({ length: n }, () => k.number());
  const flags = (positions: number): number[] => Array.from({ length: batch }, () => padding(w, positions)).flat();
  if (random.chance(0.75)) {
    w.mask = k.input(`${prefix}attention_mask`, 'int64', [batch, tokens], ['batch', length], ['s', 'q'], flags(tokens));
  }
  if (random.chance(0.4)) {
    const ids = Array.from({ length: batch * tokens }, () => random.int(0, 7));
    w.ids = k.input(`${prefix}input_ids`, 'int64', [batch, tokens], ['batch', length], ['s', 'q'], ids);
  }
  if (memory > 0) {
    w.memory = k.input(
      'encoder_x',
      'float32',
      [batch, memory, w.hidden],
      ['batch', 'src_len', w.hidden],
      ['s', 'm', '.'],
      numbers(batch * memory * w.hidden),
    );
    if (random.chance(0.6)) {
      w.memoryMask = k.input(
        'encoder_attention_mask',
        'int64',
        [batch, memory],
        ['batch', 'src_len'],
        ['s', 'm'],
        flags(memory),
      );
    }
  }
  const data = numbers(batch * tokens * w.hidden);
  if (random.chance(0.3)) {
    const first = k.input(
      `${prefix}x`,
      'float32',
      [tokens, batch, w.hidden],
      [length, 'batch', w.hidden],
      ['q', 's', '.'],
      data,
    );
    return k.transpose(first, [1, 0, 2]);
  }
  return k.input(
    `${prefix}x`,
    'float32',
    [batch, tokens, w.hidden],
    ['batch', length, w.hidden],
    ['s', 'q', '.'],
    data,
  );
}

/** 1 = real; padded on the left, the right or not; now and then a sample without any token. */
function padding(w: World, positions: number): number[] {
  const { random } = w;
  const real = random.int(w.faulty && random.chance(0.15) ? 0 : 1, positions);
  const side = w.faulty ? random.pick(['left', 'right', 'none']) : random.pick(['right', 'none']);
  return Array.from({ length: positions }, (_, i) => {
    if (side === 'none') return 1;
    return (side === 'right' ? i < real : i >= positions - real) ? 1 : 0;
  });
}
