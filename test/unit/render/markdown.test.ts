import { describe, expect, it } from 'vitest';
import { code, fenced, prose } from '../../../src/app/render/escape';
import { markdownReport } from '../../../src/app/render/markdown';
import type { Report } from '../../../src/core/report';
import { hostileReport } from '../../support/hostileReport';
import { seedReport } from '../../support/seedReport';
import { hostileName, unsafe } from '../../support/unsafeText';

describe('the report that a person would have written', () => {
  it('tells the investigation', () => {
    expect(markdownReport(seedReport(), { command: ['diagnose', 'my model.onnx', '--pad', 'left'] })).toBe(golden);
  });

  it('leaves out what there is not', () => {
    const { fixes: _fixes, observer: _observer, ...seed } = seedReport();
    const text = markdownReport({ ...seed, origins: [], spread: [] });
    for (const title of ['## Cause', '## From birth', '## Fixes', '## Silent']) {
      expect(text).not.toContain(title);
    }
    expect(text).toContain('## TL;DR');
  });

  it('cuts wide batches into tables', () => {
    const seed = seedReport();
    const roles = Array.from({ length: 14 }, (_, i) => seed.batch.roles[i % 2] ?? '');
    const text = markdownReport({ ...seed, batch: { ...seed.batch, samples: 14, roles } });
    expect(text.match(/^\| stage .*$/gm)?.map((line) => line.match(/sample \d+/g)?.length)).toEqual([6, 6, 2]);
  });

  it('gives a command that repeats the batch where it can, and says which file where it cannot', () => {
    expect(markdownReport(seedReport())).toContain('nanoscope diagnose --lengths 5,35 --pad left kimi-k2-mini.onnx');
    const seed = seedReport();
    const inside = { ...seed, batch: { ...seed.batch, padding: ['inside', 'none'] as const } };
    expect(markdownReport(inside)).toContain('nanoscope diagnose --inputs BATCH.npz kimi-k2-mini.onnx');
    const emptied = {
      ...seed.batch,
      padding: ['right', 'left'] as const,
      roles: ['r'.repeat(5) + 'p'.repeat(30), 'p'.repeat(35)],
    };
    expect(markdownReport({ ...seed, batch: emptied })).toContain('nanoscope diagnose --lengths 5,0 --pad right kimi');
    const dashed = { ...seed, model: { ...seed.model, name: "-it's a model.onnx" } };
    expect(markdownReport(dashed)).toContain(`--pad left -- '-it'\\''s a model.onnx'`);
  });
});

describe('the command to see a report again', () => {
  it.each<[string, Partial<Report['batch']>, string]>([
    ['an inputs file', { source: { kind: 'file', name: 'my batch.npz' } }, "--inputs 'my batch.npz'"],
    [
      'an inputs file with lengths and a mask',
      { source: { kind: 'file', name: '-b.npz', lengths: [5, 35], pad: 'left' }, mask: 'keep:inverted' },
      '--inputs=-b.npz --lengths 5,35 --pad left --mask keep:inverted',
    ],
    [
      'lengths with another seed',
      { source: { kind: 'lengths', lengths: [3, 0], pad: 'right', seed: 7 } },
      '--lengths 3,0 --pad right --seed 7',
    ],
  ])('names %s', (_what, batch, words) => {
    const seed = seedReport();
    expect(markdownReport({ ...seed, batch: { ...seed.batch, ...batch } })).toContain(
      `nanoscope diagnose ${words} kimi-k2-mini.onnx`,
    );
  });

  it('names the type that the model was widened to', () => {
    const seed = seedReport();
    expect(markdownReport({ ...seed, model: { ...seed.model, cast: 'float32' } })).toContain(
      '--pad left --cast float32 kimi-k2-mini.onnx',
    );
  });
});

describe('escaping', () => {
  it.each([
    ['input_ids', '`input_ids`'],
    ['a|b', '<code>a&#124;b</code>'],
    ['a`b', '<code>a&#96;b</code>'],
    ['<img src=x>', '`<img src=x>`'],
    [' x', '<code>&#32;x</code>'],
    ['a\nb', '<code>a&#92;nb</code>'],
  ])('code(%j) is %s', (name, expected) => {
    expect(code(name)).toBe(expected);
  });

  it.each([
    ['uses input_ids and _this_', 'uses input_ids and \\_this\\_'],
    ['a | b < c > d & e', 'a &#124; b &#60; c &#62; d &#38; e'],
    ['@user #12 **x** [l](u) `c`', '&#64;user &#35;12 \\*\\*x\\*\\* \\[l\\](u) \\`c\\`'],
    ['see http://x.example and www.x.example', 'see http&#58;&#47;/x.example and www&#46;x.example'],
    // The editor's preview makes a link of it without a scheme, too.
    ['see //x.example and a/b', 'see &#47;/x.example and a/b'],
    ['- a list', '\\- a list'],
    ['# a heading', '\\# a heading'],
    ['1. a list', '1\\. a list'],
    ['1.30.0', '1.30.0'],
    ['−inf + NaN = NaN', '−inf + NaN = NaN'],
  ])('prose(%j) is %s', (text, expected) => {
    expect(prose(text)).toBe(expected);
  });

  it('fences with more backticks than there are inside', () => {
    expect(fenced('a ```` b', 'sh')).toBe('`````sh\na ```` b\n`````');
  });

  it('keeps every table rectangular and lets no name out, whatever the names are', () => {
    const text = markdownReport(hostileReport());
    expect(text).not.toMatch(unsafe);
    for (const block of text.split('\n\n').filter((part) => part.startsWith('|'))) {
      const columns = block.split('\n').map((line) => line.replace(/\\\|/g, '').split('|').length);
      expect(new Set(columns).size).toBe(1);
    }
    // Outside code spans and fences nothing of the markup may be left.
    const outside = text.replace(/^```[^]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');
    expect(outside).not.toContain('<script');
    expect(outside).not.toContain('@admin');
    expect(outside).not.toMatch(/(?<!\\)\[l\]/);
    expect(outside).not.toContain('http://');
    expect(text.split('\n')).not.toContain('# owned');
    expect(code(hostileName)).not.toMatch(/<(?!\/?code>)/);
  });
});

const golden = `# NaN report: \`kimi-k2-mini.onnx\`

## TL;DR

**NaN is born in layer 0 attention (Softmax): 30 query rows of sample 0 have nothing to attend to; in layer 1 attention NaN + (−inf) = NaN carries it to every real token of sample 0. Fix “Unmask fully masked rows” heals.**

## Batch

2 × 35 positions, padding: left, none. Real and padding positions come from the input attention_mask (1 = real).

| sample | real | pad | padding positions | side |
| --- | --- | --- | --- | --- |
| 0 | 5 | 30 | 0-29 | left |
| 1 | 35 | 0 | – | none |

| input | dtype | shape |
| --- | --- | --- |
| \`input_ids\` | \`int64\` | 2 × 35 |
| \`attention_mask\` | \`int64\` | 2 × 35 |

## Where NaN is

Positions with at least one NaN, of all positions; norms are over the finite elements.

| stage | sample 0 (30 pad) | sample 1 | what happens |
| --- | --- | --- | --- |
| \`embed_tokens\` | 0/35, norm 0.86 | 0/35, norm 1.5 |  |
| layer 0 \`input_layernorm\` | 0/35, norm 0.86 | 0/35, norm 1.5 |  |
| **layer 0 \`attention\`** | **30/35** pad only, norm 0.86 | 0/35, norm 1.5 | ← **NaN born here: Softmax, 30 fully masked rows** |
| layer 0 \`post_attention_layernorm\` | **30/35** pad only, norm 0.86 | 0/35, norm 1.5 |  |
| layer 0 \`mlp\` | **30/35** pad only, norm 0.86 | 0/35, norm 1.5 |  |
| layer 1 \`input_layernorm\` | **30/35** pad only, norm 0.86 | 0/35, norm 1.5 |  |
| **layer 1 \`attention\`** | **35/35** reaches real | 0/35, norm 1.5 | ← **NaN + (−inf) = NaN** |
| layer 1 \`post_attention_layernorm\` | **35/35** | 0/35, norm 1.5 |  |
| layer 1 \`mlp\` | **35/35** | 0/35, norm 1.5 |  |
| \`norm\` | **35/35** | 0/35, norm 1.5 |  |
| \`logits\` | **35/35** | 0/35, norm 1.5 |  |

## From birth to the outputs

1. **Layer 0 attention**, \`Softmax\` at \`/layers.0/self_attn/Softmax\`: NaN is born: Softmax, 30 fully masked rows; sample 0: 0-29. Causal mask and padding mask together leave nothing for query positions 0-29 of sample 0: every score is −inf, and Softmax of such a row is NaN.
2. **Layer 1 attention**, \`Add\` at \`/layers.1/self_attn/Add\`: NaN + (−inf) = NaN; sample 0: 30-34. The keys at 0-29 are NaN, so their scores are NaN; the mask adds −inf to them, and NaN + (−inf) is NaN still.
3. Output \`logits\`: sample 0 35/35 NaN; sample 1 0/35.

## Cause

Mechanism \`fully-masked-row\`: \`Softmax\` at \`/layers.0/self_attn/Softmax\`.

Causal mask and padding mask together leave nothing for query positions 0-29 of sample 0: every score is −inf, and Softmax of such a row is NaN.

| evidence | value |
| --- | --- |
| rows | 30 |
| heads | 4 |
| allMinusInf | yes |

## Fixes

| fix | changes | verdict | NaN left | real tokens differ | top token | cost |
| --- | --- | --- | --- | --- | --- | --- |
| \`unmask-rows\` | model | **heals** | 0 | 2.7e-6 | same | ×1.02 |
| \`zero-pads\` | model | fails | 35 (5 real) | NaN | other | ×1.00 |

Compared with each sample run alone, without padding, tolerance 1e-5.

- \`unmask-rows\`: Unmask fully masked rows (4 edits). No NaN left and real tokens equal the reference.
- \`zero-pads\`: Zero hidden states at pads by multiplying (2 edits). NaN × 0 = NaN: 35 positions stay NaN.

## How it was measured

- Model: \`kimi-k2-mini.onnx\` (file), opset 17, 2 layers, attention by Softmax (eager) × 2.
- Engine: onnxruntime-node 1.30.0, optimization \`disabled\`.
- Measuring changed nothing: outputs with and without probes are equal bit for bit. At optimization level all, NaN is at the same positions; finite outputs differ by at most 4.3e-6.

## Reproduce

\`\`\`sh
nanoscope diagnose 'my model.onnx' --pad left
\`\`\`
`;
