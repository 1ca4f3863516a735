import { describe, expect, it } from 'vitest';
import { createStyle } from '../../../src/app/render/style';
import type { TableOptions } from '../../../src/app/render/table';
import { terminalReport } from '../../../src/app/render/terminal';
import type { Finding, Report } from '../../../src/core/report';
import { hostileReport } from '../../support/hostileReport';
import { row, seedReport } from '../../support/seedReport';
import { unsafe } from '../../support/unsafeText';

const render = (report: Report, options: Partial<TableOptions> = {}): string =>
  terminalReport(report, { width: 130, style: createStyle(false), ...options });

function requireFirst<T>(items: readonly T[]): T {
  const [first] = items;
  if (first === undefined) throw new Error('the seed report has one');
  return first;
}

/** The part of a report under a heading. */
const section = (text: string, title: string): string =>
  text.split('\n\n').find((part) => part.startsWith(`${title}\n`)) ?? '';

describe('below the table', () => {
  const text = render(seedReport());

  it('says what was run on what', () => {
    expect(text.split('\n').slice(0, 2)).toEqual([
      'kimi-k2-mini.onnx  opset 17, 2 layers, attention by Softmax (eager) × 2',
      'batch 2 × 35, padding left, none; roles from the input attention_mask (1 = real); onnxruntime-node 1.30.0, optimization disabled',
    ]);
  });

  it('has the verdict, the birth, the chain, the fixes and the observer', () => {
    expect(text).toContain('\n\nNaN is born in layer 0 attention (Softmax)');
    expect(section(text, 'Born')).toBe(
      [
        'Born',
        '  layer 0 attention  Softmax, 30 fully masked rows',
        '    /layers.0/self_attn/Softmax  [fully-masked-row]  sample 0: 0-29',
        '    Causal mask and padding mask together leave nothing for query positions 0-29 of sample 0: every score is −inf, and Softmax of',
        '    such a row is NaN.',
        '  More: nanoscope explain fully-masked-row',
      ].join('\n'),
    );
    expect(section(text, 'Chain')).toBe(
      [
        'Chain',
        '  layer 0 attention: Softmax, 30 fully masked rows  (sample 0: 0-29)',
        '  → layer 1 attention: Add NaN + (−inf) = NaN  (sample 0: 30-34)',
        '      The keys at 0-29 are NaN, so their scores are NaN; the mask adds −inf to them, and NaN + (−inf) is NaN still.',
        '  → output logits: sample 0 35/35 NaN; sample 1 0/35',
      ].join('\n'),
    );
    expect(section(text, 'Fixes')).toBe(
      [
        'Fixes',
        '  fix          verdict  NaN left     real tokens differ  top token  cost',
        '  unmask-rows  heals    0            2.7e-6              same       ×1.02',
        '  zero-pads    fails    35 (5 real)  NaN                 other      ×1.00',
        '  Compared with each sample run alone, without padding, tolerance 1e-5.',
        '  · unmask-rows: Unmask fully masked rows.',
        '  · zero-pads: Zero hidden states at pads by multiplying. NaN × 0 = NaN: 35 positions stay NaN.',
        '  To write a healed copy, add --apply unmask-rows',
      ].join('\n'),
    );
    expect(section(text, 'Observer')).toContain('equal bit for bit');
    expect(text.endsWith('\n')).toBe(true);
  });

  it('leaves out what is not known yet', () => {
    const { fixes: _fixes, observer: _observer, ...rest } = seedReport();
    const early = render(rest);
    expect(section(early, 'Fixes')).toBe('');
    expect(section(early, 'Observer')).toBe('');
  });

  it('is short for a clean model', () => {
    const seed = seedReport();
    const clean = render({
      ...seed,
      table: [row(null, 'embed', 'embed_tokens', 0), row(null, 'logits', 'lm_head', 0)],
      outputs: [{ name: 'logits', nanPositions: [0, 0], of: 35, nanAt: ['', ''] }],
      origins: [],
      spread: [],
      fixes: [],
    });
    expect(clean).toContain('No NaN anywhere');
    expect(section(clean, 'Born')).toBe('');
    expect(section(clean, 'Chain')).toBe('');
    expect(section(clean, 'Fixes')).toContain('nothing to heal');
  });

  it('warns when the level of the user gives another picture, and when measuring changed something', () => {
    const text2 = render(
      {
        ...seedReport(),
        observer: {
          outputsBitEqual: false,
          userLevel: { level: 'extended', sameNanPositions: false, maxAbsDiff: 'Infinity' },
        },
      },
      { width: Infinity },
    );
    expect(section(text2, 'Observer')).toContain('Measuring changed the outputs');
    expect(section(text2, 'Observer')).toContain('NOT at the same positions');
    expect(section(text2, 'Observer')).toContain('at most inf');
  });

  it.each([
    [true, 0.01, 'at the same positions', 'a GPU rounds to float16 as was done here.'],
    [false, 0, 'NOT at the same positions', 'on a GPU, which rounds to float16 as was done here, expect'],
    [true, 'Infinity' as const, 'differ by at most inf', 'on a GPU, which rounds to float16 as was done here, expect'],
  ])('says of a float16 model what a plain CPU run gives: %s, %s', (sameNanPositions, maxAbsDiff, where, then) => {
    const userLevel = { level: 'all' as const, sameNanPositions, maxAbsDiff };
    const observer = { outputsBitEqual: true, roundedTo: 'float16' as const, userLevel };
    const shown = section(render({ ...seedReport(), observer }, { width: Infinity }), 'Observer');
    expect(shown).toContain("ONNX Runtime's CPU kernels compute float16 in float32: a plain CPU run");
    expect(shown).toContain(where);
    expect(shown).toContain(then);
  });

  it('tells repeated births once, with their layers', () => {
    const seed = seedReport(61);
    const repeated = Array.from({ length: 61 }, (_, layer) =>
      seed.origins.map((origin) => ({ ...origin, layer, node: `/layers.${String(layer)}/self_attn/Softmax` })),
    ).flat();
    const born = section(render({ ...seed, origins: repeated }), 'Born');
    expect(born.split('\n')).toHaveLength(7);
    expect(born).toContain('the same in layers 1–60');
  });

  it('shows the operands of an unknown birth', () => {
    const seed = seedReport();
    const unknown = seed.origins.map((origin) => ({
      ...origin,
      mechanism: 'unknown' as const,
      op: 'Mystery',
      evidence: { operands: [{ name: 'x', min: -1, max: 'Infinity' as const }], count: 3 },
    }));
    const born = section(render({ ...seed, origins: unknown }), 'Born');
    expect(born).toContain('Mystery, cause unknown');
    expect(born).toContain('operands: name x, min -1, max +inf');
  });

  it('limits what a broken model can print', () => {
    const seed = seedReport();
    const many = Array.from({ length: 5000 }, (_, i) =>
      seed.origins.map((origin) => ({ ...origin, layer: null, tensor: `t${String(i)}`, node: `n${String(i)}` })),
    ).flat();
    const out = render({ ...seed, origins: many });
    expect(out.split('\n').length).toBeLessThan(120);
    expect(out).toContain('… and 4988 more; --json lists them all.');
  });

  it('says which of the asked layers do not exist', () => {
    expect(render(seedReport(), { layers: [1, 7, 9] })).toContain('There is no layer 7, 9 in this model');
  });

  it('lists silent findings, an origin in an input and notes', () => {
    const seed = seedReport();
    const base: Finding = requireFirst(seed.origins);
    const out = render({
      ...seed,
      origins: [
        {
          ...base,
          mechanism: 'nan-in-input',
          node: null,
          op: null,
          layer: null,
          tensor: 'inputs_embeds',
          stage: 'other',
        },
      ],
      silent: [{ ...base, mechanism: 'guarded', explanation: 'IsNaN and Where remove it.' }],
      notes: ['The body of a Loop was measured at its boundary.'],
    });
    expect(section(out, 'Born')).toContain('the input inputs_embeds holds NaN');
    expect(section(out, 'Silent findings')).toContain('guarded  layer 0 attention');
    expect(section(out, 'Notes')).toContain('- The body of a Loop');
  });
});

describe('a hostile model', () => {
  it('cannot drive the terminal from any field of the report', () => {
    const text = render(hostileReport(), { width: 80 });
    expect(text).not.toMatch(unsafe);
  });
});
