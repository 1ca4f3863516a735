/** The story from birth to logits; each step leads to its row in the table. */
import { html, nothing, type TemplateResult } from 'lit';
import { unroundedText } from '../../src/app/render/findings';
import { rowOf } from '../../src/app/render/notes';
import type { Finding, Report } from '../../src/core/report';
import { crossingFormula, placeOf } from '../../src/core/trace/verdict';
import { figure, nameOf, plural, visible } from '../shared/text';
import { foldable } from './foldable';
import { findingView } from './finding';
import type { PanelPage } from './page';
import { showRow } from './table';

/** Steps shown before the rest is folded away. */
const shownSteps = 6;

export function chainView(page: PanelPage, report: Report): TemplateResult {
  const [leading, ...others] = report.origins;
  const firstCrossings = report.spread.slice(0, shownSteps);
  const laterCrossings = report.spread.slice(shownSteps);
  return html`<section class="chain" aria-labelledby="chain-title">
    <h2 id="chain-title">From birth to output</h2>
    ${
      leading === undefined
        ? html`<p class="quiet">No NaN is born.</p>`
        : html`<ol>
            ${step(page, report, leading, 'birth', html`Born in ${place(leading)}`)}
            ${
              others.length === 0
                ? nothing
                : html`<li class="birth more">
                    ${foldable(
                      page,
                      'births',
                      plural(others.length, 'more birth'),
                      html`<ol>
                        ${others.map((origin) => step(page, report, origin, 'birth', html`Born in ${place(origin)}`))}
                      </ol>`,
                    )}
                  </li>`
            }
            ${firstCrossings.map((crossing) =>
              step(
                page,
                report,
                crossing,
                'crossing',
                html`<span class="formula">${crossingFormula[crossing.mechanism]}</span> in ${place(crossing)}`,
              ),
            )}
            ${
              laterCrossings.length === 0
                ? nothing
                : html`<li class="crossing more">
                    ${foldable(
                      page,
                      'crossings',
                      plural(laterCrossings.length, 'more crossing'),
                      html`<ol>
                        ${laterCrossings.map((crossing) =>
                          step(
                            page,
                            report,
                            crossing,
                            'crossing',
                            html`<span class="formula">${crossingFormula[crossing.mechanism]}</span> in
                              ${place(crossing)}`,
                          ),
                        )}
                      </ol>`,
                    )}
                  </li>`
            }
            ${report.outputs.map((output) => outputStep(page, report, output))}
          </ol>`
    }
    ${
      report.silent.length === 0
        ? nothing
        : foldable(
            page,
            'silent',
            plural(report.silent.length, 'silent finding'),
            html`<ul class="silent">
              ${report.silent.map((finding) => html`<li>${findingView(finding)}</li>`)}
            </ul>`,
          )
    }
    ${observerView(report)}
    ${
      report.notes.length === 0
        ? nothing
        : html`<h3>Notes</h3>
            <ul class="notes">
              ${report.notes.map((note) => html`<li>${visible(note)}</li>`)}
            </ul>`
    }
  </section>`;
}

function step(
  page: PanelPage,
  report: Report,
  finding: Finding & { readonly mechanism: string },
  kind: 'birth' | 'crossing',
  title: TemplateResult,
): TemplateResult {
  const row = rowOf(report.table, finding);
  const sample = Math.max(0, finding.positions?.findIndex((ranges) => ranges !== '') ?? 0);
  return html`<li class=${kind}>
    ${
      row === undefined
        ? html`<h3>${title}</h3>`
        : html`<h3>
            <button
              class="link"
              title="Show this row in the table"
              @click=${() => {
                showRow(page, report, report.table.indexOf(row), sample);
              }}
            >
              ${title}
            </button>
          </h3>`
    }
    ${findingView(finding)}
  </li>`;
}

function place(finding: Finding): TemplateResult {
  return finding.stage === 'other' && finding.layer === null
    ? nameOf(finding.node ?? finding.tensor)
    : html`${placeOf(finding)}`;
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
  </li>`;
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
