/** What a hover and a line end say of a tensor, word for word. */
import { describe, expect, it } from 'vitest';
import { hoverCard, inlineText } from '../../../src/app/live/card';
import { conditionOf, sickFirst, type LiveDetail } from '../../../src/core/live/tensor';

const probs: LiveDetail = {
  path: 'probs',
  name: 'probs',
  origin: 'local',
  library: 'torch',
  type: 'Tensor',
  dtype: 'float32',
  shape: [2, 4, 8],
  device: 'cpu',
  elements: 64,
  requiresGrad: false,
  counts: { nan: 16, posInf: 0, negInf: 0 },
  min: 0,
  max: 1,
  mean: 0.125,
  scanned: null,
  skipped: null,
  note: null,
  sameAs: null,
  axes: { sample: 0, position: 1, why: 'Axis 0 has the samples.' },
  cells: {
    nan: [
      [8, 8, 0, 0],
      [0, 0, 0, 0],
    ],
    posInf: [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ],
    negInf: [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ],
  },
  roles: { from: 'attention_mask', rows: ['pprr', 'rrrr'] },
  histogram: null,
  values: null,
  index: [0],
};

describe('a hover', () => {
  it('counts elements and positions, pad and real apart', () => {
    const [head, counts, range, first, second, roles, picture] = hoverCard('probs', probs).split('  \n');
    expect(head).toBe('`probs` — `f32[2,4,8]` · cpu');
    expect(counts).toBe('**NaN** 16 of 64');
    expect(range).toBe('Finite: 0 … 1, mean 0.125');
    expect(first).toBe('Sample 0: NaN at 2 of 4 positions (2 pad, 0 real)');
    expect(second).toBe('Sample 1: NaN at 0 of 4 positions (0 pad, 0 real)');
    expect(roles).toBe('Roles from `attention_mask`');
    const svg = Buffer.from(/base64,(.*)\)$/.exec(picture ?? '')?.[1] ?? '', 'base64').toString();
    // Ten pixels a position: two sick ones at the pads of the first sample.
    expect(svg).toContain('<rect x="0" y="0" width="20" height="10" fill="#d9a000"/>');
    expect(/#e5484d/.exec(svg)).toBeNull();
  });

  it('shows names of the program as text', () => {
    const hostile = hoverCard('x`](command:evil)', { ...probs, device: '[a](command:b)', note: '<img src=x>' });
    expect(hostile).toMatch(/^``x`\]\(command:evil\)`` — /);
    expect(hostile).not.toMatch(/(?<!\\)\]\(command:b/);
    expect(hostile).not.toContain('<img');
  });

  it('says what was not read, and why', () => {
    const text = hoverCard('w', {
      ...probs,
      counts: null,
      cells: null,
      min: null,
      max: null,
      skipped: 'its storage was freed',
    });
    expect(text).toContain('Not read: its storage was freed');
    expect(text).not.toContain('No NaN');
  });
});

describe('a line end', () => {
  it('gives positions per sample where they are known, else elements, else the range', () => {
    expect(inlineText('probs', probs, probs)).toBe('probs  f32[2,4,8]  ⚠ NaN 2/4 0/4');
    expect(inlineText('probs', probs, null)).toBe('probs  f32[2,4,8]  ⚠ NaN 16');
    const clean = { ...probs, counts: { nan: 0, posInf: 0, negInf: 0 }, min: -1.5, max: 2 };
    expect(inlineText('x', clean, null)).toBe('x  f32[2,4,8]  −1.5 … 2');
  });
});

describe('the order of the list', () => {
  it('is NaN, then Inf that no mask explains, then the order of the frame', () => {
    const none = { nan: 0, posInf: 0, negInf: 0 };
    const named = (name: string, change: Partial<LiveDetail>): LiveDetail => ({ ...probs, name, ...change });
    const mask = named('mask', { counts: { ...none, negInf: 6 }, min: 0, max: 0 });
    const list = [
      named('clean', { counts: none }),
      mask,
      named('scores', { counts: { ...none, negInf: 6 }, min: -3, max: 4 }),
      named('unread', { counts: null }),
      named('probs', {}),
    ];
    expect(conditionOf(mask)).toBe('clean');
    expect(sickFirst(list).map(({ name }) => name)).toEqual(['probs', 'scores', 'clean', 'mask', 'unread']);
  });
});
