/** The story from birth to logits; each step leads to its row in the table. */
import { html, nothing, type TemplateResult } from 'lit';
import { unroundedText } from '../../src/app/render/findings';
import { groupFindings, othersText, type FindingGroup } from '../../src/app/render/findings';
import { forPanel } from '../../src/app/render/ways';
import type { Crossing, Origin, Report } from '../../src/core/report';
import { countRanges } from '../../src/core/trace/ranges';
import { crossingFormula } from '../../src/core/trace/verdict';
import { figure, nameOf, plural, visible } from '../shared/text';
import { checkedView } from './checked';
import { findingView, type ShownFinding } from './finding';
import { foldable } from './foldable';
import type { PanelPage } from './page';
import { reachOf, type Reach } from './reach';
import { reachView } from './reachView';
import { rolesOfRow } from './roles';
import { silentView } from './silent';
import { shownGroups, storyId } from './story';
import { placeView, stepHead } from './step';
import { showRow } from './table';

export function chainView(page: PanelPage, report: Report): TemplateResult {
  const [leading, ...others] = report.origins;
  const groups = groupFindings(report.spread);
  const later = groups.slice(shownGroups);
  return html`<section class="chain" aria-labelledby="chain-title">
    <h2 id="chain-title">From birth to output</h2>
    ${
      leading === undefined
        ? html`<p class="quiet">No NaN is born.</p>`
        : html`<ol>
            ${birthStep(page, report, leading, 0)}
            ${
              others.length === 0
                ? nothing
                : html`<li class="birth more">
                    ${foldable(
                      page,
                      'births',
                      plural(others.length, 'more birth'),
                      () =>
                        html`<ol>
                          ${others.map((origin, i) => birthStep(page, report, origin, i + 1))}
                        </ol>`,
                    )}
                  </li>`
            }
            ${groups.slice(0, shownGroups).map((group) => crossingSteps(page, report, group))}
            ${
              later.length === 0
                ? nothing
                : html`<li class="crossing more">
                    ${foldable(
                      page,
                      'crossings',
                      plural(later.length, 'more crossing'),
                      () =>
                        html`<ol>
                          ${later.map((group) => crossingSteps(page, report, group))}
                        </ol>`,
                    )}
                  </li>`
            }
            ${report.outputs.map((output) => outputStep(page, report, output))}
          </ol>`
    }
    ${silentView(page, report)} ${checkedView(report)} ${observerView(report)}
    ${
      report.notes.length === 0
        ? nothing
        : html`<h3>Notes</h3>
            <ul class="notes">
              ${report.notes.map((note) => html`<li>${visible(forPanel(note))}</li>`)}
            </ul>`
    }
  </section>`;
}

function birthStep(page: PanelPage, report: Report, origin: Origin, index: number): TemplateResult {
  return step(
    page,
    report,
    origin,
    storyId('birth', index),
    'birth',
    html`Born in ${placeView(origin)}`,
    index === 0 ? reachOf(report, -1) : [],
  );
}

/** A crossing; those alike in other layers are folded under it. */
function crossingSteps(page: PanelPage, report: Report, group: FindingGroup<Crossing>): TemplateResult {
  const one = (crossing: Crossing): TemplateResult => {
    const index = report.spread.indexOf(crossing);
    return step(
      page,
      report,
      crossing,
      storyId('crossing', index),
      'crossing',
      html`<span class="formula">${crossingFormula(crossing)}</span> in ${placeView(crossing)}`,
      reachOf(report, index),
    );
  };
  return html`${one(group.first)}
  ${
    group.others.length === 0
      ? nothing
      : html`<li class="crossing more">
          ${foldable(
            page,
            `alike-${String(report.spread.indexOf(group.first))}`,
            othersText(group),
            () =>
              html`<ol>
                ${group.others.map(one)}
              </ol>`,
          )}
        </li>`
  }`;
}

function step(
  page: PanelPage,
  report: Report,
  finding: ShownFinding,
  id: string,
  kind: 'birth' | 'crossing',
  title: TemplateResult,
  reaches: readonly Reach[],
): TemplateResult {
  return html`<li class=${kind} id=${id} tabindex="-1">
    ${stepHead(page, report, finding, title)} ${reachView(reaches)} ${findingView(page, report, finding, id)}
  </li>`;
}

function outputStep(page: PanelPage, report: Report, output: Report['outputs'][number]): TemplateResult {
  const index = report.table.findLastIndex((row) => row.stage === 'logits' || row.tensor === output.name);
  const sick = output.nanPositions?.flatMap((count, sample) => (count > 0 ? [{ count, sample }] : [])) ?? [];
  const shown = sick
    .slice(0, 4)
    .map(({ count, sample }) =>
      output.of === 1
        ? `sample ${String(sample)}`
        : `sample ${String(sample)} at ${String(count)} of ${String(output.of)} positions`,
    );
  const words =
    output.nanPositions === null
      ? 'its positions could not be followed'
      : sick.length === 0
        ? 'no NaN arrives'
        : `NaN in ${shown.join(', ')}${sick.length > shown.length ? ` and ${String(sick.length - shown.length)} more samples` : ''}`;
  const title = html`Output ${nameOf(output.name)}`;
  return html`<li class="output ${sick.length > 0 ? 'sick' : ''}">
    <h3>
      ${
        index < 0
          ? title
          : html`<button
              class="link"
              title="Show this row in the table"
              @click=${() => {
                showRow(page, report, index, sick[0]?.sample ?? 0);
              }}
            >
              ${title}
            </button>`
      }
    </h3>
    <p>${words}</p>
    ${reachView(outputReach(report, output))}
  </li>`;
}

/** Where NaN arrives: everything is new to a reader who looks at the output alone. */
function outputReach({ batch, table }: Report, output: Report['outputs'][number]): readonly Reach[] {
  const row = table.find(({ tensor }) => tensor === output.name);
  return (output.nanAt ?? []).flatMap((ranges, sample) => {
    const known = [
      row === undefined ? '' : rolesOfRow(batch, row, sample),
      batch.roles[sample],
      batch.memory?.roles[sample],
    ];
    const roles = known.find(
      (own) => own?.length === output.of || (output.held !== undefined && own?.length === batch.positions),
    );
    return ranges === '' || roles === undefined || output.of === 1
      ? []
      : [{ sample, roles, before: ranges, fresh: '', clean: output.of - countRanges(ranges) }];
  });
}

function observerView(report: Report): TemplateResult | typeof nothing {
  const { observer } = report;
  if (observer === undefined) {
    return nothing;
  }
  const { userLevel } = observer;
  return html`<p class="quiet observer">
    ${
      observer.outputsBitEqual
        ? 'Measuring did not change the outputs, bit for bit.'
        : 'Measuring changed the outputs: what is shown may differ from an ordinary run.'
    }
    ${
      userLevel === null
        ? nothing
        : observer.roundedTo !== undefined
          ? unroundedText(userLevel)
          : `An ordinary run (optimization “${userLevel.level}”) has NaN at ${userLevel.sameNanPositions ? 'the same' : 'other'} positions; elsewhere it differs by at most ${figure(userLevel.maxAbsDiff)}.`
    }
  </p>`;
}
