/** What the last diagnosis proved of a fix that is offered in source, in a few words. */
import type { Report } from '../../core/report';

const words = {
  heals: 'heals in the last diagnosis',
  partial: 'mends a part in the last diagnosis',
  hides: 'hides the error in the last diagnosis',
  fails: 'does not help in the last diagnosis',
} as const;

/** @param id of the fix: in a model and in source they are called the same. @returns null where nothing was proved */
export function provenText({ fixes = [] }: Report, id: string): string | null {
  const verdict = fixes.find((fix) => fix.id === id)?.verdict;
  return verdict !== undefined && verdict in words ? words[verdict as keyof typeof words] : null;
}
