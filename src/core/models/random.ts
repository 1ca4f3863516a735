/**
 * Seeded weights that are the same bits on every platform and Node version.
 *
 * Two choices make that so. Every weight has a stream of its own, seeded by the seed and the weight's name, so
 * that a weight does not depend on the order of construction. And the normal distribution is approximated with
 * integer sums (Irwin–Hall) instead of Box–Muller, because `Math.log` and `Math.cos` may differ in the last bit
 * between engines, while integer arithmetic and `Math.sqrt` may not.
 */

/** One step of splitmix32: spreads the entropy of `state` over 32 bits. */
function splitmix32(state: number): { readonly state: number; readonly value: number } {
  const next = (state + 0x9e3779b9) | 0;
  let z = next;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return { state: next, value: (z ^ (z >>> 15)) >>> 0 };
}

/** FNV-1a over UTF-16 code units, 32 bits. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** xoshiro128** (Blackman and Vigna), seeded through splitmix32 from a seed and a name. */
export class RandomStream {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number, name: string) {
    let s = splitmix32((seed | 0) ^ hashName(name));
    this.a = s.value;
    s = splitmix32(s.state);
    this.b = s.value;
    s = splitmix32(s.state);
    this.c = s.value;
    s = splitmix32(s.state ^ seed);
    this.d = s.value | 1; // the all-zero state is a fixed point
  }

  /** Uniform over 32-bit unsigned integers. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.b, 5), 7), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = rotateLeft(this.d, 11);
    return result;
  }

  /** Uniform over `0 … bound − 1`, without modulo bias worth speaking of (bound ≪ 2³²). */
  below(bound: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * bound);
  }

  /** Approximately standard normal: eight 16-bit uniforms summed, centred and scaled to variance 1; |x| < 4.9. */
  normal(): number {
    let sum = 0;
    for (let i = 0; i < 4; i++) {
      const word = this.uint32();
      sum += (word & 0xffff) + (word >>> 16);
    }
    return (sum - irwinHallMean) * irwinHallScale;
  }
}

/** Mean and inverse standard deviation of a sum of eight uniforms over 0 … 65535. */
const irwinHallMean = (8 * 65535) / 2;
const irwinHallScale = 1 / Math.sqrt((8 * (65536 * 65536 - 1)) / 12);

function rotateLeft(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** `length` float32 values, approximately normal with the given mean and standard deviation. */
export function normalWeights(seed: number, name: string, length: number, std: number, mean = 0): Float32Array {
  const random = new RandomStream(seed, name);
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    values[i] = mean + std * random.normal();
  }
  return values;
}
