import { describe, expect, it } from 'vitest';
import { panelPage } from '../../../src/vscode/panel/html';
import { subjectId, subjectName } from '../../../src/vscode/panel/subject';
import { plainText } from '../../../src/vscode/plainText';

describe('plain text', () => {
  it.each([
    ['a\nb\tc\u0000d', 'a b c d'],
    ['x\u202Egnp\u2066y', 'x gnp y'],
    ['[click](command:workbench.action.quit)', '[click] (command:workbench.action.quit)'],
    ['$(trash) model', '$ (trash) model'],
    ['bidi \u200F mark', 'bidi   mark'],
    ['日本語 ünïcode ok', '日本語 ünïcode ok'],
  ])('of %j is %j', (given, expected) => {
    expect(plainText(given)).toBe(expected);
  });

  it('is cut at its limit', () => {
    expect(plainText('x'.repeat(50), 10)).toBe(`${'x'.repeat(9)}…`);
    expect(plainText('x'.repeat(10), 10)).toBe('x'.repeat(10));
  });
});

describe('the page', () => {
  const page = panelPage({
    script: 'https://host/panel.js',
    style: 'https://host/panel.css',
    cspSource: 'https://*.host',
    nonce: 'bm9uY2U=',
    language: 'en" onload="x',
    title: '<b>&',
  });

  it('allows scripts by nonce only, styles from files only, and nothing else', () => {
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'nonce-bm9uY2U='",
      'style-src https://*.host',
      'font-src https://*.host',
      'img-src https://*.host',
      "base-uri 'none'",
      "form-action 'none'",
    ]);
    expect(page).not.toContain('unsafe-');
  });

  it('escapes what it is given', () => {
    expect(page).toContain('lang="en&quot; onload=&quot;x"');
    expect(page).toContain('<title>&lt;b&gt;&amp;</title>');
  });
});

describe('a subject', () => {
  it('has a name for people and an id for panels', () => {
    expect(subjectName({ kind: 'file', model: '/home/me/a b.onnx' })).toBe('a b.onnx');
    expect(subjectName({ kind: 'file', model: 'C:\\models\\x.onnx' })).toBe('x.onnx');
    expect(subjectName({ kind: 'built-in', model: 'builtin:m?layers=2' })).toBe('m?layers=2');
    expect(subjectName({ kind: 'report', from: 'file:///tmp/my%20report.json' })).toBe('my report.json');
    expect(subjectName({ kind: 'report', from: 'file:///tmp/%zz.json' })).toBe('%zz.json');
    expect(subjectId({ kind: 'report', from: 'file:///m.onnx' })).not.toBe(
      subjectId({ kind: 'file', model: 'file:///m.onnx' }),
    );
  });
});
