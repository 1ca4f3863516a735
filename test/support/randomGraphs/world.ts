/** What the blocks of a random graph share: sizes, the batch, and ways to plant a fault. */
import type { Sketch, Val } from './sketch';
import { size } from './sketch';

export interface Sizes {
  readonly batch: number;
  readonly tokens: number;
  /** Positions of the second sequence; 0 without one. */
  readonly memory: number;
  readonly heads: number;
  readonly width: number;
}

export class World {
  readonly hidden: number;
  /** Second sequence, [batch, memory, hidden]. */
  memory: Val | null = null;
  memoryMask: Val | null = null;
  /** int64 [batch, tokens], 1 = real. */
  mask: Val | null = null;
  ids: Val | null = null;
  /** Values that some blocks leave behind; they become outputs or die. */
  readonly side: Val[] = [];
  private fed = 0;

  constructor(
    readonly sketch: Sketch,
    readonly sizes: Sizes,
    /** Whether blocks may plant faults. */
    readonly faulty: boolean,
  ) {
    this.hidden = sizes.heads * sizes.width;
  }

  get random(): Sketch['random'] {
    return this.sketch.random;
  }

  prefix(): string {
    return this.sizes.memory > 0 ? 'decoder_' : '';
  }

  /**
   * A float input [batch, tokens, hidden or 1], `neutral` but at one or two random places, where it is `special`
   * (in one element, or in a whole position).
   */
  planted(neutral: number, special: number | readonly number[], places?: readonly number[]): Val {
    const { batch, tokens } = this.sizes;
    const width = this.random.chance(0.25) ? 1 : this.hidden;
    const dims = [batch, tokens, width];
    const data = new Array<number>(size(dims)).fill(neutral);
    const list = typeof special === 'number' ? [special] : special;
    if (this.faulty) {
      for (const cell of places ?? this.places()) {
        if (this.random.chance(0.3)) for (let d = 0; d < width; d += 1) data[cell * width + d] = list[d % list.length]!;
        else {
          const start = this.random.int(0, width - 1);
          for (const [i, own] of list.entries()) data[cell * width + ((start + i) % width)] = own;
        }
      }
    }
    this.fed += 1;
    return this.sketch.input(
      `${this.prefix()}f${this.fed}`,
      'float32',
      dims,
      ['batch', this.sizes.memory > 0 ? 'tgt_len' : 'seq', width],
      ['s', 'q', '.'],
      data,
    );
  }

  /** One or two (sample, position) cells. */
  places(): number[] {
    const { batch, tokens } = this.sizes;
    const one = this.random.int(0, batch * tokens - 1);
    return this.random.chance(0.4) ? [one, this.random.int(0, batch * tokens - 1)] : [one];
  }

  /** x with its magnitude kept small, so that later blocks do not overflow by themselves. */
  tame(x: Val): Val {
    return this.sketch.unary(this.random.pick(['Tanh', 'Erf', 'Sigmoid']), x);
  }

  linear(x: Val, out = x.dims.at(-1)!): Val {
    return this.sketch.matmul(x, this.sketch.weight([x.dims.at(-1)!, out]));
  }
}
