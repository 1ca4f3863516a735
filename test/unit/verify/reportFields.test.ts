/** What a report says of fixes survives every boundary that it crosses. */
import { describe, expect, it } from 'vitest';
import type { Report } from '../../../src/core/report';
import { reportSchema } from '../../../src/protocol/reportSchema';
import { seedReport } from '../../support/seedReport';

const seed = seedReport();
const [fix] = seed.fixes ?? [];
if (!fix) throw new Error('the seed report has a fix');
const report: Report = {
  ...seed,
  recommendation: { fix: 'a+b', sentence: 'Together these heal.' },
  fixes: [
    { ...fix, id: 'a+b', kind: 'combination', parts: ['a', 'b'], effect: 'Both.', paddingShift: 0.2 },
    {
      ...fix,
      id: 'same-length-batches',
      kind: 'batch',
      batches: [[0, 2], [1]],
      byRow: [{ layer: 0, block: 'self', stage: 'attention', port: 'out', maxAbsDiff: 'NaN' }],
    },
    { ...fix, id: 'nan-to-num-logits', kind: 'trap' },
  ],
};
const { fixes = [] } = report;

describe('reports that arrive from outside', () => {
  it('keep every field of fixes and the recommendation', () => {
    const { fixes: read, recommendation } = reportSchema.parse(JSON.parse(JSON.stringify(report)));
    expect({ read, recommendation }).toEqual({ read: fixes, recommendation: report.recommendation });
  });

  it.each<[string, object]>([
    ['a kind that is none', { kind: 'magic' }],
    ['parts that are no list', { parts: 'a+b' }],
    ['batches of no samples that could be', { batches: [[-1]] }],
    ['a row without a figure', { byRow: [{ layer: 0, block: 'self', stage: 'attention', port: 'out' }] }],
    ['a figure that JSON cannot carry', { byRow: [{ ...fixes[1]?.byRow?.[0], maxAbsDiff: 'nan' }] }],
  ])('are refused with %s', (_, wrong) => {
    expect(reportSchema.safeParse({ ...report, fixes: [{ ...fix, ...wrong }] }).success).toBe(false);
  });

  it('are refused with a recommendation that says nothing', () => {
    expect(reportSchema.safeParse({ ...report, recommendation: { fix: 'a+b' } }).success).toBe(false);
  });
});
