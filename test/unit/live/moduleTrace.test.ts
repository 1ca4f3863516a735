/** Trace files as a stranger may have written them, and what their reports tell. */
import { describe, expect, it } from 'vitest';
import { traceReport } from '../../../src/app/live/traceReport';
import { isModuleTrace, parseModuleTrace } from '../../../src/core/trace/moduleTrace';
import { reportSchema } from '../../support/reportSchema';

const header = { nanoscopeTrace: 1, torch: '2.9.0', python: '3.12.1', functions: true };
const pass = (number = 0) => ({
  pass: {
    number,
    root: 'Net',
    masks: [{ name: 'attention_mask', shape: [2, 4], pad: ['0-1', ''] }],
    inputs: [{ name: 'attention_mask', dtype: 'int64', shape: [2, 4] }],
  },
});
const hidden = (nan: readonly string[], name = 'output') => ({
  name,
  type: 'Tensor',
  dtype: 'float32',
  shape: [2, 4, 8],
  nan: nan.filter((ranges) => ranges !== '').length,
  posInf: 0,
  negInf: 0,
  positions: { sample: 0, position: 1, nan, posInf: ['', ''], negInf: ['', ''] },
});
const at = { file: '/home/me/net.py', line: 7, function: 'forward' };
const site = (path: string, kind: string, port: 'in' | 'out', nan: readonly string[], more: object = {}) => ({
  site: { pass: 0, path, class: kind, call: 0, op: null, at, source: null, port, tensor: hidden(nan), ...more },
});
const text = (...lines: readonly object[]): string =>
  [header, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('');
const end = { end: { dropped: 0, errors: 0, lastError: null } };
const clean = ['', ''];
const vastPad = { name: 'm', shape: [1000, 10], pad: Array.from({ length: 1000 }, () => '0-999999') };
const pads = ['0-1', ''];

describe('a trace file', () => {
  it('is known by its first line', () => {
    expect(isModuleTrace(text())).toBe(true);
    expect(isModuleTrace('{"schemaVersion":1,"nanoscopeTrace":1}')).toBe(false);
  });

  it('is read while its last line is still being written', () => {
    const trace = parseModuleTrace(`${text(pass())}{"site":{"pa`);
    expect([trace.passes.length, trace.sites.length, trace.end]).toEqual([1, 0, null]);
  });

  it.each([
    ['', /line 1/],
    ['{"nanoscopeTrace":2}\n', /line 1: it does not begin with/],
    [`${text()}not json\n`, /line 2: it is not JSON/],
    [`${text(pass())}{"site":{}}\n`, /line 3/],
    [text(pass(), site('a', 'Linear', 'out', ['3-1', ''])), /line 3/],
    [text(pass(), site('a', 'Linear', 'out', ['1,1', ''])), /line 3/],
    [text(pass(), site('a', 'Linear', 'out', ['99999999999', ''])), /line 3/],
    [text(pass(), site('a', 'Linear', 'out', ['0-999999999', ''])), /line 3/],
    [text(pass(), site('a', 'Linear', 'out', ['0-4', ''])), /line 3: positions beyond the shape/],
    // Small to write, and no end to read.
    [
      text({ pass: { number: 0, root: 'Net', masks: [vastPad], inputs: [] } }),
      /line 2: positions beyond the shape of a mask/,
    ],
  ])('that is none is refused with its line: %#', (content, message) => {
    expect(() => parseModuleTrace(content)).toThrow(message);
  });
});

describe('its report', () => {
  it('tells a birth of which only the module is known, once, at the innermost', () => {
    const report = traceReport(
      parseModuleTrace(
        text(
          pass(),
          site('layers.0', 'Layer', 'in', clean),
          site('layers.0.mlp', 'Mlp', 'in', clean),
          site('layers.0.mlp', 'Mlp', 'out', pads),
          site('layers.0', 'Layer', 'out', pads),
          site('', 'Net', 'out', pads),
          end,
        ),
      ),
    );
    expect(report.origins).toMatchObject([
      { mechanism: 'unknown', node: 'layers.0.mlp', layer: 0, stage: 'mlp', positions: pads, source: { line: 7 } },
    ]);
    expect(report.origins[0]?.explanation).toContain('Mlp was given no NaN and gave NaN.');
    expect(report.spread).toEqual([]);
    expect(report.table.map(({ label, port, samples }) => [label, port, samples?.map(({ nanAt }) => nanAt)])).toEqual([
      ['layers.0.mlp', 'in', clean],
      ['layers.0.mlp', 'out', pads],
      ['layers.0', 'in', clean],
      ['layers.0', 'out', pads],
    ]);
    expect(reportSchema.safeParse(JSON.parse(JSON.stringify(report))).error?.issues ?? []).toEqual([]);
  });

  it('tells fused attention that mixes NaN of padding into real tokens', () => {
    const attention = { op: 'scaled_dot_product_attention', backend: 'flash' };
    const report = traceReport(
      parseModuleTrace(
        text(
          pass(),
          site('layers.1.self_attn', 'Attention', 'in', pads),
          site('layers.1.self_attn', 'Attention', 'in', pads, attention),
          site('layers.1.self_attn', 'Attention', 'out', ['0-3', ''], attention),
          site('layers.1.self_attn', 'Attention', 'out', ['0-3', '']),
          end,
        ),
      ),
    );
    expect(report.spread).toMatchObject([
      {
        mechanism: 'contraction',
        op: 'scaled_dot_product_attention',
        layer: 1,
        stage: 'attention',
        positions: ['2-3', ''],
        evidence: { nanPositionsRead: '0-1' },
      },
    ]);
    expect(report.model.attention).toMatchObject([
      { kind: 'fused', op: 'scaled_dot_product_attention:flash', layer: 1 },
    ]);
  });

  it('a mask that hides more than padding is not said to be additive', () => {
    const scores = (keys: readonly string[]) =>
      traceReport(
        parseModuleTrace(
          text(
            pass(),
            site('layers.1.self_attn', 'Attention', 'in', pads),
            site('layers.1.self_attn', 'Attention', 'in', ['0-3', ''], {
              op: 'softmax',
              poisoned: { rows: ['2-3', ''], keys },
            }),
            site('layers.1.self_attn', 'Attention', 'out', ['0-3', ''], { op: 'softmax' }),
            site('layers.1.self_attn', 'Attention', 'out', ['0-3', '']),
          ),
        ),
      ).spread.map(({ mechanism }) => mechanism);
    expect(scores(['0-1', ''])).toEqual(['nan-plus-minus-inf']);
    expect(scores(['0-2', ''])).toEqual(['softmax-row']);
    // Told per head and not per sample: whose they are is not known.
    expect(scores(['0-1', '0-1', '', ''])).toEqual(['contraction']);
  });

  it('is of the first pass in which there is NaN, and says how many there were', () => {
    const report = traceReport(
      parseModuleTrace(
        text(
          pass(0),
          site('layers.0.mlp', 'Mlp', 'out', clean),
          pass(1),
          site('layers.0.mlp', 'Mlp', 'out', pads, { pass: 1, implementation: 'sdpa' }),
          end,
        ),
      ),
    );
    expect(report.table.at(-1)?.samples?.[0]?.nanAt).toBe('0-1');
    expect(report.notes.slice(1)).toEqual([
      '2 forward passes were recorded; this is number 2, the first in which there is NaN.',
      'Modules were built with _attn_implementation sdpa.',
    ]);
  });

  it('is of a pass that was recorded from its beginning, where there is one', () => {
    const partial = { pass: { ...pass(0).pass, root: 'Identity', partial: true } };
    const lines = [partial, site('layers.0.mlp', 'Mlp', 'out', pads)];
    const whole = [pass(1), site('layers.0.mlp', 'Mlp', 'out', clean, { pass: 1 }), end];
    expect(traceReport(parseModuleTrace(text(...lines, end))).notes).toContain(
      'The recording began in the middle of this forward pass: what came before it is not told.',
    );
    // Where there is NaN in none but that one, it is the one to show.
    expect(traceReport(parseModuleTrace(text(...lines, ...whole))).model.name).toBe('Identity');
    const clear = [partial, site('layers.0.mlp', 'Mlp', 'out', clean)];
    expect(traceReport(parseModuleTrace(text(...clear, ...whole))).model.name).toBe('Net');
  });

  it('is told of a million positions', () => {
    const size = 1_000_000;
    const long = { ...pass().pass, masks: [{ name: 'mask', shape: [1, size], pad: [''] }] };
    const tensor = (nan: string): object => ({
      ...hidden([nan]),
      shape: [1, size, 2],
      nan: 1,
      positions: { sample: 0, position: 1, nan: [nan], posInf: [''], negInf: [''] },
    });
    const one = (port: 'in' | 'out', nan: string): object => ({
      site: { ...site('layers.0.mlp', 'Mlp', port, []).site, tensor: tensor(nan) },
    });
    const report = traceReport(
      parseModuleTrace(text({ pass: long }, one('in', '3'), one('out', `0-${String(size - 1)}`), end)),
    );
    expect(report.spread[0]?.positions).toEqual([`0-2,4-${String(size - 1)}`]);
  });

  it('is not made larger than memory by the sizes that a file claims', () => {
    const vast = { ...pass().pass, masks: [{ name: 'm', shape: [2, 1_000_000_000], pad: ['', ''] }] };
    const report = traceReport(parseModuleTrace(text({ pass: vast }, site('norm', 'Norm', 'out', pads))));
    expect(report.batch).toMatchObject({ samples: 0, positions: 0 });
    expect(report.table).toMatchObject([{ axes: 'whole', whole: { nan: true } }]);
  });

  it('does without a mask, positions and even modules', () => {
    const bare = { pass: { number: 0, root: 'Net', masks: [], inputs: [] } };
    const odd = { name: null, type: 'Tensor', skipped: 'quantised' };
    const report = traceReport(
      parseModuleTrace(text(bare, { site: { ...site('norm', 'Norm', 'out', clean).site, tensor: odd } })),
    );
    expect(report.batch).toMatchObject({ samples: 0, positions: 0, roles: [] });
    expect(report.table).toMatchObject([{ label: 'norm', axes: 'whole', samples: null }]);
    expect(() => traceReport(parseModuleTrace(text()))).toThrow('Nothing was recorded');
  });
});
