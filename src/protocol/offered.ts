/** Which of a report's fixes a person may have written into the model: one rule for the page and the commands. */
import type { FixResult, Verdict } from '../core/report';
import type { PanelState } from './panel';

/** Only these: `hides` gives wrong numbers, `fails` gives NaN. */
const applicable: ReadonlySet<Verdict> = new Set<Verdict>(['heals', 'partial', 'unproven']);

/** What changes what the model is fed cannot be written into it; a trap that does no harm in one batch does in the next. */
export const mayBeApplied = ({ verdict, kind, fed }: FixResult): boolean =>
  applicable.has(verdict) && kind !== 'batch' && kind !== 'trap' && fed === undefined;

/** There are lines of PyTorch for what the model is fed, too; none for what only hides NaN. */
export const hasSnippet = ({ verdict, kind }: FixResult): boolean => applicable.has(verdict) && kind !== 'trap';

/** Best first; none while one is applied: that one is undone first. */
export function offeredFixes({ report, applied, readOnly }: PanelState): readonly FixResult[] {
  if (readOnly || applied !== null) return [];
  const fixes = (report?.fixes ?? []).filter(mayBeApplied);
  const recommended = fixes.filter(({ id }) => id === report?.recommendation?.fix);
  return [...recommended, ...fixes.filter((fix) => !recommended.includes(fix))];
}
