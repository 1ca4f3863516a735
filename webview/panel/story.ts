/** Where a finding is told on the page, and how to get there from elsewhere. */
import { groupFindings } from '../../src/app/render/findings';
import type { Finding, Report } from '../../src/core/report';
import type { PanelPage } from './page';

export type StoryKind = 'birth' | 'crossing' | 'silent';
export const storyId = (kind: StoryKind, index: number): string => `${kind}-${String(index)}`;

/** The sections that a finding is folded into, outermost first; none where it is always in sight. */
export function foldsOf(report: Report, kind: StoryKind, finding: Finding): readonly string[] {
  switch (kind) {
    case 'birth':
      return report.origins[0] === finding ? [] : ['births'];
    case 'crossing': {
      const groups = groupFindings(report.spread);
      const at = groups.findIndex(
        ({ first, others }) => first === finding || others.some((other) => other === finding),
      );
      const first = groups[at]?.first;
      return [
        ...(at < shownGroups ? [] : ['crossings']),
        ...(first === undefined || first === finding ? [] : [`alike-${String(report.spread.indexOf(first))}`]),
      ];
    }
    case 'silent':
      return ['silent'];
  }
}

/** Steps shown before the rest is folded away. */
export const shownGroups = 6;

/** Opens what it is folded into, brings it into view and gives it the focus. */
export function showFinding(page: PanelPage, report: Report, finding: Finding): void {
  const found = whichOf(report, finding);
  if (found === null) {
    return;
  }
  const { open } = page.context.ui;
  const closed = foldsOf(report, found.kind, finding).filter((fold) => !open.includes(fold));
  if (closed.length > 0) {
    page.remember({ open: [...open, ...closed] });
  }
  page.flush();
  // Of very many only the first are told; then what they are folded into is the nearest there is.
  const step =
    document.getElementById(storyId(found.kind, found.index)) ??
    document.querySelector<HTMLElement>(`#fold-${found.kind} > summary`);
  step?.scrollIntoView({ block: 'center' });
  step?.focus({ preventScroll: true });
}

/** The step that tells of a finding; silent findings alike are one step. */
export function whichOf(report: Report, finding: Finding): { readonly kind: StoryKind; readonly index: number } | null {
  for (const [kind, list] of [
    ['birth', report.origins],
    ['crossing', report.spread],
  ] as const) {
    const index = list.findIndex((candidate) => candidate === finding);
    if (index >= 0) {
      return { kind, index };
    }
  }
  const group = groupFindings(report.silent).find(
    ({ first, others }) => first === finding || others.some((other) => other === finding),
  );
  return group === undefined ? null : { kind: 'silent', index: report.silent.indexOf(group.first) };
}
