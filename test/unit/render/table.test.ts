import { describe, expect, it } from 'vitest';
import { createStyle } from '../../../src/app/render/style';
import { renderTable, type TableOptions } from '../../../src/app/render/table';
import { displayWidth } from '../../../src/app/render/text';
import type { Report, SampleHealth, TableRow } from '../../../src/core/report';
import { unsafe } from '../../support/unsafeText';
import { cleanSample, paddedSample, row, seedReport } from '../../support/seedReport';

const render = (report: Report, options: Partial<TableOptions> = {}): string =>
  renderTable(report, { width: 120, style: createStyle(false), ...options });

const lines = (...text: string[]): string => text.join('\n');

describe('the table of the investigation', () => {
  it('is exactly the one of the issue for the rows that stand there', () => {
    const seed = seedReport();
    const report: Report = {
      ...seed,
      table: seed.table.filter((r) => r.label !== 'norm' && r.stage !== 'mlp-norm' && !r.label.startsWith('layers.1.')),
    };
    const wanted = [
      ...report.table.slice(0, -1),
      row(1, 'attention', 'layers.1.self_attn', 35),
      ...report.table.slice(-1),
    ];
    expect(render({ ...report, table: wanted })).toBe(
      lines(
        'stage                     sample 0 (30 pad)      sample 1',
        'embed_tokens              0/35                   0/35',
        'layer 0  input_layernorm  0/35                   0/35',
        'layer 0  attention        30/35  pad only        0/35      ← NaN born here: Softmax, 30 fully masked rows',
        'layer 0  mlp              30/35  pad only        0/35',
        'layer 1  attention        35/35  reaches real    0/35      ← NaN + (−inf) = NaN',
        'logits                    35/35                  0/35',
      ),
    );
  });

  it('has a row for the output of every sublayer', () => {
    expect(render(seedReport())).toBe(
      lines(
        'stage                              sample 0 (30 pad)      sample 1',
        'embed_tokens                       0/35                   0/35',
        'layer 0  input_layernorm           0/35                   0/35',
        'layer 0  attention                 30/35  pad only        0/35      ← NaN born here: Softmax, 30 fully masked rows',
        'layer 0  post_attention_layernorm  30/35  pad only        0/35',
        'layer 0  mlp                       30/35  pad only        0/35',
        'layer 1  input_layernorm           30/35  pad only        0/35',
        'layer 1  attention                 35/35  reaches real    0/35      ← NaN + (−inf) = NaN',
        'layer 1  post_attention_layernorm  35/35                  0/35',
        'layer 1  mlp                       35/35                  0/35',
        'norm                               35/35                  0/35',
        'logits                             35/35                  0/35',
      ),
    );
  });
});

describe('which rows', () => {
  it('folds layers that show the same as the one before', () => {
    const text = render(seedReport(61));
    expect(text).toContain(
      lines(
        'layer 2  mlp                       35/35                  0/35',
        '… layers 3–60: the same',
        'norm                               35/35                  0/35',
      ),
    );
    expect(text.split('\n')).toHaveLength(17);
  });

  it('does not fold a single layer', () => {
    const text = render(seedReport(4));
    expect(text).toContain('layer 3  mlp');
    expect(text).not.toContain('…');
  });

  it('does not fold over a layer that differs in the middle', () => {
    const seed = seedReport(9);
    const report = {
      ...seed,
      table: seed.table.map((r) => (r.layer === 5 && r.stage === 'mlp' ? row(5, 'mlp', r.label, 30, r.port) : r)),
    };
    const text = render(report);
    expect(text).toContain('… layers 3–4: the same');
    expect(text).toContain('layer 5  mlp                       30/35  pad only');
    expect(text).toContain('… layers 7–8: the same');
  });

  it('says that NaN is born in folded layers too', () => {
    const seed = seedReport(8);
    const [birth] = seed.origins;
    if (birth === undefined) throw new Error('the seed report has an origin');
    const again = Array.from({ length: 7 }, (_, i) => ({
      ...birth,
      layer: i + 1,
      node: `/layers.${String(i + 1)}/self_attn/Softmax`,
    }));
    const text = render({ ...seed, origins: [birth, ...again] });
    expect(text).toContain('NaN + (−inf) = NaN');
    expect(text).toContain('← born here too: Softmax, 30 fully masked rows');
    expect(text).toContain('… layers 3–7: the same, NaN born in each');
  });

  it('picks layers and keeps what lies outside layers, unfolded', () => {
    expect(render(seedReport(61), { layers: [1, 15, 33] })).toBe(
      lines(
        'stage                               sample 0 (30 pad)      sample 1',
        'embed_tokens                        0/35                   0/35',
        'layer 1   input_layernorm           30/35  pad only        0/35',
        'layer 1   attention                 35/35  reaches real    0/35      ← NaN + (−inf) = NaN',
        'layer 1   post_attention_layernorm  35/35                  0/35',
        'layer 1   mlp                       35/35                  0/35',
        ...[15, 33].flatMap((layer) =>
          [
            'input_layernorm         ',
            'attention               ',
            'post_attention_layernorm',
            'mlp                     ',
          ].map((name) => `layer ${String(layer)}  ${name}  35/35                  0/35`),
        ),
        'norm                                35/35                  0/35',
        'logits                              35/35                  0/35',
      ),
    );
  });

  it('shows every row, in ports and whole layers included, with all rows', () => {
    const text = render(seedReport(61), { all: true });
    expect(text.split('\n')).toHaveLength(1 + 1 + 61 * 7 + 2);
    expect(text).toContain('layer 0   input_layernorm in');
    expect(text).toContain('layer 0   mlp in');
    expect(text).toContain('layer 0   output');
  });

  it('shows whole layers where nothing inside could be told apart', () => {
    const report = {
      ...seedReport(),
      table: [row(0, 'layer', 'h.0', 0), row(1, 'layer', 'h.1', 0), row(null, 'other', 'graph', 0)],
    };
    expect(
      render(report)
        .split('\n')
        .map((line) => line.slice(0, 15).trim()),
    ).toEqual(['stage', 'layer 0  output', 'layer 1  output', 'graph']);
  });

  it('tells encoder and decoder layers apart', () => {
    const report = {
      ...seedReport(),
      origins: seedReport().origins.map((origin) => ({ ...origin, node: '/decoder/layers.0/self_attn/Softmax' })),
      spread: [],
      table: [
        row(0, 'attention', 'encoder.layers.0.self_attn', 0),
        row(0, 'attention', 'decoder.layers.0.self_attn', 30),
        { ...row(0, 'attention', 'decoder.layers.0.multihead_attn', 30), block: 'cross' as const },
      ],
    };
    expect(render(report)).toBe(
      lines(
        'stage                             sample 0 (30 pad)    sample 1',
        'encoder layer 0  attention        0/35                 0/35',
        'decoder layer 0  attention        30/35  pad only      0/35      ← NaN born here: Softmax, 30 fully masked rows',
        'decoder layer 0  cross attention  30/35  pad only      0/35',
      ),
    );
  });
});

describe('cells', () => {
  const only = (samples: readonly SampleHealth[] | null, change: Partial<TableRow> = {}): string => {
    const report = { ...seedReport(), origins: [], spread: [] };
    return (
      render({ ...report, table: [{ ...row(null, 'logits', 'lm_head', 0), samples, ...change }] }).split('\n')[1] ?? ''
    );
  };

  it('names infinities in what a sublayer hands on', () => {
    expect(only([{ ...paddedSample(0), posInf: 3, negInf: 1 }, cleanSample])).toBe(
      'logits  0/35  +inf 3  −inf 1    0/35',
    );
  });

  it('leaves infinities out of in ports, where masks make them everyday', () => {
    expect(only([{ ...paddedSample(0), negInf: 35 }, cleanSample], { port: 'in' })).toBe('');
  });

  it('says so where positions are unknown', () => {
    expect(only(null, { whole: { nan: true, posInf: false, negInf: true } })).toBe('logits  whole: NaN −inf');
    expect(only(null, { whole: { nan: false, posInf: false, negInf: false } })).toBe('logits  whole: clean');
    expect(only(null)).toBe('logits  whole: unknown');
  });

  it('marks the row where NaN reaches real tokens, again after a clean one', () => {
    const report = {
      ...seedReport(),
      origins: [],
      spread: [],
      table: [
        row(0, 'attention', 'layers.0.self_attn', 35),
        row(0, 'mlp', 'layers.0.mlp', 0),
        row(1, 'attention', 'layers.1.self_attn', 35),
        row(1, 'mlp', 'layers.1.mlp', 35),
      ],
    };
    expect(
      render(report)
        .split('\n')
        .filter((line) => line.includes('reaches real')),
    ).toHaveLength(2);
  });

  it('counts a sample without real tokens as all pad', () => {
    const report = seedReport();
    const roles = ['p'.repeat(35), 'r'.repeat(35)];
    expect(render({ ...report, batch: { ...report.batch, roles } })).toContain('sample 0 (all pad)');
  });
});

describe('width', () => {
  const wide = (samples: number): Report => {
    const report = seedReport();
    return {
      ...report,
      batch: {
        ...report.batch,
        samples,
        roles: Array.from({ length: samples }, (_, i) => report.batch.roles[i % 2] ?? ''),
      },
      table: report.table.map((r) => ({
        ...r,
        samples: Array.from({ length: samples }, (_, i) => r.samples?.[i % 2] ?? cleanSample),
      })),
    };
  };

  it('cuts a batch into blocks that fit, each sample once', () => {
    for (const width of [40, 80, 120, 200]) {
      const text = render(wide(17), { width });
      const heads = text.split('\n').filter((line) => line.startsWith('stage'));
      expect(heads.join(' ').match(/sample \d+/g)).toEqual(Array.from({ length: 17 }, (_, i) => `sample ${String(i)}`));
      // One sample is always shown, however narrow the terminal is.
      const allowed = Math.max(width, 56);
      expect(Math.max(...text.split('\n').map(displayWidth))).toBeLessThanOrEqual(allowed);
    }
  });

  it('puts notes beneath the row where there is no room beside it, and only in the first block', () => {
    const text = render(wide(6), { width: 80 });
    expect(text).toContain('\n        ↑ NaN born here: Softmax, 30 fully masked rows\n');
    expect(text.match(/NaN born here/g)).toHaveLength(1);
  });

  it('never wraps at infinite width', () => {
    expect(render(wide(64), { width: Infinity }).split('\n')).toHaveLength(12);
  });
});

describe('hostile names', () => {
  const evil = 'layers.0.\u001b[2J\u001b]0;owned\u0007\n\u202egnp.\u2066|<b>`$(rm)';
  const report = (): Report => {
    const seed = seedReport();
    return {
      ...seed,
      table: seed.table.map((r) => (r.stage === 'attn-norm' ? { ...r, label: evil.replace('.\u2066', '\u2066') } : r)),
    };
  };

  it('cannot drive the terminal or break the table', () => {
    const text = render(report(), { width: Infinity });
    expect(text).not.toMatch(unsafe);
    expect(text.split('\n')).toHaveLength(12);
    expect(text).toContain('\\x1b[2J');
  });

  it('are clipped in the middle when they are long', () => {
    const seed = seedReport();
    const long = `layers.0.${'a'.repeat(3000)}end`;
    const table = seed.table.map((r) => (r.stage === 'attn-norm' && r.layer === 0 ? { ...r, label: long } : r));
    const text = render({ ...seed, table });
    expect(Math.max(...text.split('\n').map(displayWidth))).toBeLessThan(180);
    expect(text).toMatch(/aaa…a+end/);
  });
});

describe('colour', () => {
  it('is only there when asked for, and takes no columns', () => {
    const plain = render(seedReport());
    const painted = render(seedReport(), { style: createStyle(true) });
    expect(plain).not.toContain('\u001b');
    expect(painted).toContain('\u001b[31m');
    expect(painted.replace(/\p{Cc}\[\d+m/gu, '')).toBe(plain);
  });
});
