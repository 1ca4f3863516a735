import { describe, expect, it } from 'vitest';
import { renderGuideEntry, renderGuideList, renderGuideMarkdown } from '../../../src/app/render/guide';
import { createStyle } from '../../../src/app/render/style';
import { guideTo, isMechanism, mechanisms } from '../../../src/core/guide/index';
import { birthMechanisms, crossingMechanisms, silentMechanisms } from '../../../src/core/report';

const plain = createStyle(false);

describe('the field guide', () => {
  it('has one entry for every mechanism that a report can name, and no other', () => {
    const of = (kind: string): string[] => mechanisms.filter((entry) => entry.kind === kind).map(({ id }) => id);
    expect(of('birth').sort()).toEqual([...birthMechanisms].sort());
    expect(of('crossing').sort()).toEqual([...crossingMechanisms].sort());
    expect(of('silent').sort()).toEqual([...silentMechanisms].sort());
  });

  it('gives each a formula, an explanation and a way to recognise it', () => {
    for (const { id } of mechanisms) {
      const entry = guideTo(id);
      expect(entry.formula, id).not.toBe('');
      expect(entry.what.length, id).toBeGreaterThan(60);
      expect(entry.recognise.length, id).toBeGreaterThan(0);
    }
  });

  it('cites reports as repository#number and never sends a reader to an entry that does not exist', () => {
    for (const { id } of mechanisms) {
      const entry = guideTo(id);
      for (const report of entry.reports) expect(report.at, id).toMatch(/^[\w.-]+( [\w.-]+)?#\d+$/);
      for (const other of entry.notToBeConfused) {
        expect(isMechanism(other.mechanism)).toBe(true);
        expect(other.mechanism).not.toBe(id);
      }
    }
  });

  it('does not take a name of Object for a mechanism', () => {
    expect(isMechanism('constructor')).toBe(false);
    expect(isMechanism('')).toBe(false);
  });

  it('stays inside a narrow terminal', () => {
    for (const { id } of mechanisms) {
      for (const line of renderGuideEntry(id, plain, 60).split('\n')) expect(line.length, line).toBeLessThanOrEqual(60);
    }
    for (const line of renderGuideList(plain, 60).split('\n')) expect(line.length, line).toBeLessThanOrEqual(60);
  });

  it('writes Markdown with the sections that have something to say', () => {
    const text = renderGuideMarkdown('fully-masked-row');
    expect(text).toMatch(/^## A row with nothing to attend to \(`fully-masked-row`\)\n/);
    expect(text).toContain('**What does not**\n\n- nan_to_num on the logits');
    expect(text).toContain('- pytorch#103749: ');
    expect(renderGuideMarkdown('unknown')).not.toContain('**What does not**');
  });
});
