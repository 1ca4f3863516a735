import { describe, expect, it } from 'vitest';
import { NanoscopeError } from '../../../src/core/errors';
import type { Report } from '../../../src/core/report';
import { parseSaved, printSaved, requireReportSize } from '../../../src/vscode/savedReport';
import { sampleReport } from './sampleReport';

/** Of a file that must be a report. */
function parseReport(bytes: Uint8Array, name: string): Report {
  const saved = parseSaved(bytes, name);
  if (saved.kind !== 'report') throw new Error('It was taken for a comparison.');
  return saved.report;
}

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
