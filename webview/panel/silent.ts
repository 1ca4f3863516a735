/** Silent findings: nothing in the outputs shows them. Those that make outputs meaningless get a banner of their own. */
import { html, nothing, type TemplateResult } from 'lit';
import { groupFindings, othersText, type FindingGroup } from '../../src/app/render/findings';
import { guideWords } from '../../src/app/render/guide';
import type { Report, SilentFinding } from '../../src/core/report';
import { nameOf, plural, visible } from '../shared/text';
import { findingView } from './finding';
import { foldable } from './foldable';
import type { PanelPage } from './page';
import { placeView, stepHead } from './step';
import { showFinding, storyId } from './story';

/** Most urgent first; `guarded` is good news. */
const order: readonly SilentFinding['mechanism'][] = [
  'laundered',
  'swallowed',
  'unmasked-silently',
  'overflow-risk',
  'unread-nan-weight',
  'guarded',
];

/** Outputs that look healthy are not: NaN was taken out of them, or real tokens attend where the mask forbids it. */
export function misleading(report: Report): readonly SilentFinding[] {
  return report.silent
    .filter(
      ({ mechanism, evidence }) =>
        mechanism === 'laundered' ||
        mechanism === 'swallowed' ||
        (mechanism === 'unmasked-silently' && typeof evidence['realRows'] === 'number' && evidence['realRows'] > 0),
    )
    .sort((a, b) => order.indexOf(a.mechanism) - order.indexOf(b.mechanism));
}

export function bannerView(page: PanelPage, report: Report): TemplateResult | typeof nothing {
  const found = misleading(report);
  const [first] = found;
  if (first === undefined) {
    return nothing;
  }
  const nanLeft = report.outputs.some((output) => output.nanPositions?.some((count) => count > 0) ?? false);
  const more = found.length - 1;
  return html`<section id="misleading" class="status notice warn" role="note" aria-label="Silent trouble">
    <p>
      <strong>${nanLeft ? 'Not all of it shows.' : 'The outputs look healthy, but are not.'}</strong>
      ${bannerWords[first.mechanism]}
      (${nameOf(first.node ?? first.tensor)}${more > 0 ? `, and ${plural(more, 'place')} more` : ''}).
    </p>
    <vscode-button
      appearance="secondary"
      @click=${() => {
        showFinding(page, report, first);
      }}
      >Show why</vscode-button
    >
  </section>`;
}

const bannerWords: Readonly<Record<SilentFinding['mechanism'], string>> = {
  laundered: 'NaN had spread before an operator replaced it by numbers; what comes out means nothing',
  swallowed: 'NaN is born and an operator turns it into ordinary numbers; what was computed from it means nothing',
  'unmasked-silently': 'Real tokens attend to positions that the mask forbids',
  'overflow-risk': '',
  'unread-nan-weight': '',
  guarded: '',
};

const shown = 12;

export function silentView(page: PanelPage, report: Report): TemplateResult | typeof nothing {
  if (report.silent.length === 0) {
    return nothing;
  }
  const sorted = [...report.silent].sort((a, b) => order.indexOf(a.mechanism) - order.indexOf(b.mechanism));
  const groups = groupFindings(sorted);
  const urgent = misleading(report).length;
  const title = html`${plural(report.silent.length, 'silent finding')}<span class="quiet"
      >${urgent > 0 ? `, ${String(urgent)} of them ${urgent === 1 ? 'makes' : 'make'} outputs meaningless` : report.silent.every(({ mechanism }) => mechanism === 'guarded') ? ': guarded, nothing to mend' : ''}</span
    >`;
  return foldable(
    page,
    'silent',
    title,
    () =>
      html`<ul class="silent">
        ${groups.slice(0, shown).map((group) => silentStep(page, report, group))}
        ${groups.length > shown ? html`<li class="quiet">and ${plural(groups.length - shown, 'more finding')}</li>` : nothing}
      </ul>`,
  );
}

function silentStep(page: PanelPage, report: Report, group: FindingGroup<SilentFinding>): TemplateResult {
  const { first } = group;
  const id = storyId('silent', report.silent.indexOf(first));
  return html`<li class=${first.mechanism} id=${id} tabindex="-1">
    ${stepHead(page, report, first, html`${guideWords(first.mechanism).title}, ${placeView(first)}`)}
    ${group.others.length === 0 ? nothing : html`<p class="quiet">${visible(othersText(group))}</p>`}
    ${findingView(page, report, first, id)}
  </li>`;
}
