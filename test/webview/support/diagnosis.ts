/** Reports that show what a diagnosis can prove, for tests of the drawn evidence. */
import type { Crossing, Evidence, Origin, Report, SilentFinding } from '../../../src/core/report';
import { kimi } from '../../fixtures/reports/generate';

/** The first row of the padded Kimi batch: 30 pads, then 5 real keys that causality hides. */
export const kimiRow: Evidence = {
  rows: 30,
  keys: 35,
  row: {
    sample: 0,
    position: 0,
    keys: 35,
    negInf: 35,
    posInf: 0,
    by: { causal: 34, padding: 30, both: 29, other: 0, overflow: 0, scores: 0 },
    cells: `p${'b'.repeat(29)}${'c'.repeat(5)}`,
    parts: { causal: ['/model/LessOrEqual_output_0'], padding: ['attention_mask'], other: [] },
  },
};

export function withEvidence(
  evidence: Evidence,
  change: Partial<Origin> = {},
  report: Report = kimi({ layers: 2 }),
): Report {
  return { ...report, origins: report.origins.map((origin) => ({ ...origin, ...change, evidence })) };
}

export function withSilent(mechanism: SilentFinding['mechanism'], evidence: Evidence = {}): Report {
  const report = kimi({ layers: 2 });
  const [origin] = report.origins;
  if (origin === undefined) {
    throw new Error('needs a birth');
  }
  const guarded = mechanism === 'guarded';
  return {
    ...report,
    origins: guarded ? [] : report.origins,
    spread: [],
    outputs: report.outputs.map((output) => ({ ...output, nanPositions: [0, 0], nanAt: ['', ''] })),
    silent: [{ ...origin, mechanism, evidence, explanation: 'It ends there.' }],
  };
}

/** The crossing as the diagnosis writes it, with what it read. */
export function withCrossing(report: Report): Report {
  return {
    ...report,
    spread: report.spread.map((crossing): Crossing => ({
      ...crossing,
      evidence: {
        nanPositionsRead: '0-29',
        ofThoseAllowedByTheMask: '',
        example: { sample: 0, position: 30 },
      },
    })),
  };
}
