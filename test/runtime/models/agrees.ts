/** What is asked of every built-in model; each model's test file says with which cases. */
import { describe, expect, it } from 'vitest';
import { diagnosed } from '../../support/diagnosing';
import { nameOf, tableAgainst } from './agreement';
import type { Agreement, Case } from './agreement';

/** Every module's output equals PyTorch's to 1e-4, NaN for NaN. */
export function agreesWithTorch({ of }: Agreement, cases: readonly Case[]): void {
  describe('computes what PyTorch computes', () => {
    it.each(cases.map((one) => [nameOf(one), one] as const))('%s', (_, one) => {
      const { worst, worstAt, nanDiffers } = of(one);
      expect(nanDiffers).toEqual([]);
      expect(worst, worstAt).toBeGreaterThan(0); // two implementations, not one twice
      expect(worst, worstAt).toBeLessThan(1e-4);
    });
  });
}

/** The product's table tells of every module what PyTorch's own tensors say. */
export function tableAgreesWithTorch({ of }: Agreement, cases: readonly Case[], inside: RegExp | null = null): void {
  describe('the diagnosis shows the NaN positions that PyTorch has, row by row', () => {
    it.each(cases.map((one) => [nameOf(one), one] as const))(
      '%s',
      async (_, one) => {
        const compared = of(one);
        const report = await diagnosed({ model: one.uri, inputsFile: compared.inputsFile, fixes: false });
        expect(tableAgainst(compared, report, inside)).toEqual({ wrong: [], missing: [] });
        expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { sameNanPositions: true } });
        const sick = [...compared.torch.values()].some(({ data }) => data.some(Number.isNaN));
        expect(report.origins.length > 0).toBe(sick);
      },
      60_000,
    );
  });
}
