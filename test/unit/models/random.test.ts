import { describe, expect, it } from 'vitest';
import { normalWeights, RandomStream } from '../../../src/core/models/random';
import { pythonCode } from '../../support/python';

describe('seeded weights', () => {
  it('are the same bits in an independent implementation', async () => {
    // Written from the papers of xoshiro128** and splitmix32, in Python's exact integers.
    const text = await pythonCode(
      `
M = 0xFFFFFFFF
def splitmix(state):
    state = (state + 0x9E3779B9) & M
    z = state
    z = (z ^ (z >> 16)) * 0x21F0AAAD & M
    z = (z ^ (z >> 15)) * 0x735A2D97 & M
    return state, z ^ (z >> 15)
def fnv(name):
    h = 0x811C9DC5
    for c in name.encode('utf-16-le')[::2]:
        h = (h ^ c) * 0x01000193 & M
    return h
def rotl(x, k):
    return ((x << k) | (x >> (32 - k))) & M
def stream(seed, name):
    st, a = splitmix(seed ^ fnv(name))
    st, b = splitmix(st)
    st, c = splitmix(st)
    st, d = splitmix(st ^ seed)
    d |= 1
    while True:
        yield rotl(b * 5 & M, 7) * 9 & M
        t = b << 9 & M
        c ^= a; d ^= b; b ^= c; a ^= d; c ^= t
        d = rotl(d, 11)
s = stream(3000000000, 'model.embed_tokens.weight')
print(*[next(s) for _ in range(1000)])
`,
    );
    const random = new RandomStream(3_000_000_000, 'model.embed_tokens.weight');
    const expected = text.trim().split(' ').map(Number);
    expect(expected.map(() => random.uint32())).toEqual(expected);
  });

  it('have the asked mean and deviation, and no outliers that a normal would not have', () => {
    const values = normalWeights(1, 'w', 200_000, 0.5, 3);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(3, 2);
    expect(Math.sqrt(variance)).toBeCloseTo(0.5, 2);
    expect(values.reduce((max, v) => Math.max(max, Math.abs(v - 3)), 0)).toBeLessThan(0.5 * 4.9);
    const within = values.filter((v) => Math.abs(v - 3) < 0.5).length / values.length;
    expect(within).toBeGreaterThan(0.67);
    expect(within).toBeLessThan(0.69);
  });

  it('ids stay below their bound and reach both ends', () => {
    const random = new RandomStream(5, 'ids');
    const seen = new Set(Array.from({ length: 2000 }, () => random.below(7)));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});
