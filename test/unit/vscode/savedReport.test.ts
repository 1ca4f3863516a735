import { describe, expect, it } from 'vitest';
import { compareRuns } from '../../../src/core/compare/compare';
import { runOfReport } from '../../../src/core/compare/runOfReport';
import { dimensions } from '../../../src/core/compare/types';
import { NanoscopeError } from '../../../src/core/errors';
import { birthMechanisms } from '../../../src/core/report';
import { comparisonSchema } from '../../../src/protocol/comparisonSchema';
import { parseReport, parseSaved, printSaved, requireReportSize } from '../../../src/vscode/savedReport';
import { sampleReport } from './sampleReport';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A saved report with one value replaced; `path` as in `table.0.label`. */
function changed(path: string, value: unknown): Uint8Array {
  const report: unknown = JSON.parse(printSaved(sampleReport()));
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let at = report as Record<string, unknown>;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  at[last] = value;
  return encode(JSON.stringify(report));
}

function problemOf(action: () => unknown): NanoscopeError {
  try {
    action();
  } catch (error) {
    if (error instanceof NanoscopeError) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('a saved report', () => {
  it('comes back as it was', () => {
    expect(parseReport(encode(printSaved(sampleReport())), 'a.json')).toEqual(sampleReport());
  });

  it('keeps names with HTML, quotes, newlines and right-to-left marks as text', () => {
    const name = '<img src=x onerror="alert(1)">\n\u202Egnp.xnno';
    expect(parseReport(encode(printSaved(sampleReport(name))), 'a.json').model.name).toBe(name);
  });

  it('may have fields that this version does not know', () => {
    expect(parseReport(changed('later', { any: 'thing' }), 'a.json')).toEqual(sampleReport());
  });

  it.each<[what: string, bytes: Uint8Array, says: string]>([
    ['no JSON', encode('{"schemaVersion": 1,'), 'it is not JSON'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22]), 'it is not JSON'],
    ['an empty file', new Uint8Array(), 'it is not JSON'],
    ['other JSON', encode('{"hello":1}'), 'schemaVersion'],
    ['null', encode('null'), 'expected object'],
    ['a later version', changed('schemaVersion', 2), 'schema version 2, and this NaNoscope reads version 1'],
    ['a failure of the terminal', encode('{"error":{"code":"usage","message":"m","hint":"h"}}'), 'schemaVersion'],
    ['a wrong type', changed('table.0.label', { toString: 'x' }), 'table.0.label: '],
    ['an unknown mechanism', changed('origins.0.mechanism', 'magic'), 'origins.0.mechanism: '],
    ['an unknown stage', changed('table.0.stage', '__proto__'), 'table.0.stage: '],
    ['negative counts', changed('table.0.samples.0.nan', -1), 'table.0.samples.0.nan: '],
    ['fractional counts', changed('outputs.0.nanPositions', [0.5, 0]), 'outputs.0.nanPositions.0: '],
    ['ranges that are none', changed('origins.0.positions', ['0-3;drop', '']), 'origins.0.positions.0: '],
    ['roles that are none', changed('batch.roles', ['xyz', 'rrr']), 'batch.roles.0: '],
    ['samples that are missing', changed('table.0.samples', []), 'table.0.samples has 0 entries for a batch of 2'],
    ['roles that are missing', changed('batch.roles', ['prr']), 'batch.roles has 1 entries for a batch of 2'],
    ['positions that are missing', changed('origins.0.positions', ['0']), 'origins.0.positions has 1 entries'],
  ])('is refused with a reason: %s', (_, bytes, says) => {
    const { code, message, hint } = problemOf(() => parseReport(bytes, 'a.json'));
    expect(code).toBe('file-unreadable');
    expect(message).toMatch(/^a\.json is not a saved NaNoscope report: /);
    expect(message).toContain(says);
    expect(hint).toContain('Save Report as JSON');
  });

  it('is refused when it is nested without end', () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const text = printSaved(sampleReport()).replace('"rows": 1', `"rows": ${deep}`);
    expect(problemOf(() => parseReport(encode(text), 'a.json')).code).toBe('file-unreadable');
  });

  it('cannot reach the prototype of objects', () => {
    const text = printSaved(sampleReport()).replace('"rows": 1', '"__proto__": {"polluted": true}');
    expect(text).toContain('polluted');
    try {
      parseReport(encode(text), 'a.json');
    } catch {
      // Refusing is as good as dropping.
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('is refused by its size before it is read', () => {
    expect(problemOf(() => requireReportSize(65 * 1024 * 1024, 'big.json')).message).toContain('larger than 64 MB');
  });
});

describe('a saved comparison', () => {
  const comparison = compareRuns(
    [
      runOfReport(sampleReport(), 'left', ['1 ms']),
      { ...runOfReport(sampleReport('b.onnx'), '<b>right</b>\u202E'), difference: 'NaN' },
    ],
    ['model', 'padding'],
    ['a note'],
  );
  const edited = (change: (copy: Changeable) => void): Uint8Array => {
    const copy = JSON.parse(printSaved(comparison)) as Changeable;
    change(copy);
    return encode(JSON.stringify(copy));
  };
  interface Changeable {
    schemaVersion: number;
    dimensions: string[];
    variants: { roles: string[]; pattern: number; difference?: unknown; births: { mechanism: string }[] }[];
    rows: { cells: (unknown[] | null)[]; stage: string }[];
    verdict: { firstDifference: number | null; basis: string };
  }

  it('comes back as it was, with every field and non-finite numbers', () => {
    expect(parseSaved(encode(printSaved(comparison)), 'a.json')).toEqual({ kind: 'comparison', comparison });
  });

  it('is no report', () => {
    expect(problemOf(() => parseReport(encode(printSaved(comparison)), 'a.json')).message).toContain(
      'it is a comparison',
    );
  });

  it.each<[what: string, change: (copy: Changeable) => void, says: string]>([
    ['a later version', (copy) => (copy.schemaVersion = 2), 'schema version 2'],
    ['an unknown dimension', (copy) => copy.dimensions.push('magic'), 'dimensions.2: '],
    ['no variant', (copy) => (copy.variants = []), 'variants: '],
    [
      'roles that are none',
      (copy) => (copy.variants[0] = { ...first(copy), roles: ['x', 'r'] }),
      'variants.0.roles.0: ',
    ],
    ['a difference that is no number', (copy) => (first(copy).difference = 'much'), 'variants.0.difference: '],
    ['an unknown stage', (copy) => copy.rows.forEach((row) => (row.stage = '__proto__')), 'rows.0.stage: '],
    ['a variant that is missing', (copy) => copy.rows[0]?.cells.pop(), 'rows.0.cells has 1 entries for 2 variants'],
    ['a sample that is missing', (copy) => copy.rows[0]?.cells[1]?.pop(), 'rows.0.cells.1 has not as many'],
    ['a first difference that is no row', (copy) => (copy.verdict.firstDifference = 7), 'firstDifference is no row'],
  ])('is refused with the place: %s', (_what, change, says) => {
    const error = problemOf(() => parseSaved(edited(change), 'a.json'));
    expect(error.code).toBe('file-unreadable');
    expect(error.message).toContain(says);
  });

  const first = (copy: Changeable): Changeable['variants'][number] => {
    const [variant] = copy.variants;
    if (!variant) throw new Error('no variant');
    return variant;
  };

  it('may hold every word of the contract', () => {
    for (const dimension of dimensions)
      expect(comparisonSchema.safeParse({ ...comparison, dimensions: [dimension] }).success, dimension).toBe(true);
    for (const mechanism of birthMechanisms) {
      const bytes = edited((copy) => first(copy).births.forEach((birth) => (birth.mechanism = mechanism)));
      expect(parseSaved(bytes, 'a.json').kind, mechanism).toBe('comparison');
    }
  });
});
