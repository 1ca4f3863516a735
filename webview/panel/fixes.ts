/** The fixes in the order in which the tournament ranked them, each with its proof. */
import { html, nothing, type TemplateResult } from 'lit';
import type { FixResult, Reference, Report, Verdict } from '../../src/core/report';
import { hasSnippet, mayBeApplied } from '../../src/protocol/offered';
import type { PanelState } from '../../src/protocol/panel';
import { fixGroups } from '../../src/app/render/fixes';
import { fileSize } from '../../src/app/render/numbers';
import { figure, plural, visible } from '../shared/text';
import { dropdown } from './batchBar';
import { applyButton, previewButton, snippetButton } from './fixActions';
import { item } from './figures';
import { foldable } from './foldable';
import type { PanelPage } from './page';

const verdictMeaning: Readonly<Record<Verdict, string>> = {
  heals: 'No NaN is left and real tokens equal the reference.',
  partial: 'Real tokens are clean and equal the reference; NaN is left at padding.',
  hides: 'No NaN is left, but real tokens differ from the reference.',
  fails: 'NaN is left at real tokens.',
  unproven: 'No NaN is left, but there is no reference to compare with.',
  declines: 'This fix does not apply here.',
};
const referenceWords: Readonly<Record<Reference, string>> = {
  unpadded: 'each sample alone',
  'in-batch': 'the same batch with masked slots removed exactly',
  'high-precision': 'the same run in higher precision',
  none: 'none',
};

export function fixesView(page: PanelPage, state: PanelState, report: Report): TemplateResult {
  return html`<section class="fixes" aria-labelledby="fixes-title">
    <div class="fixeshead">
      <h2 id="fixes-title" tabindex="-1">Fixes</h2>
      ${howView(page, state, report)}
    </div>
    ${fixList(page, state, report)}
  </section>`;
}

function fixList(page: PanelPage, state: PanelState, report: Report): TemplateResult {
  // After one is applied the report is that of the fixed copy; the fixes worth showing are those of the sick model.
  const fixes = state.applied === null ? report.fixes : (state.before?.fixes ?? report.fixes);
  if (fixes === undefined) {
    if (report.model.expandedAttention === true) {
      return html`<p class="quiet">
        No fix is tried while fused attention is written out: run the model without that to try them.
      </p>`;
    }
    return state.phase === 'running'
      ? html`<p class="measuring" role="status">
          <vscode-progress-ring aria-hidden="true"></vscode-progress-ring>
          Fixes are being measured: each is run and compared with the reference.
        </p>`
      : report.origins.length === 0
        ? html`<p class="quiet">Nothing to fix.</p>`
        : html`<p class="quiet">Fixes have not been measured.</p>
            ${
              state.readOnly
                ? nothing
                : html`<vscode-button id="try-fixes" @click=${() => page.post({ type: 'tryFixes' })}
                    >Try the fixes</vscode-button
                  >`
            }`;
  }
  if (fixes.length === 0) {
    return html`<p class="quiet">
      ${report.origins.length === 0 ? 'Nothing to fix.' : 'No fix is known for this birth.'}
    </p>`;
  }
  const { tried, warnings, declined } = fixGroups(fixes);
  const recommendation = (state.applied === null ? report : state.before)?.recommendation;
  // The ranking tells which is best at proof; the recommendation is the smallest change that heals.
  const first = tried.filter(({ id }) => id === recommendation?.fix);
  const list = (some: readonly FixResult[], best: FixResult | undefined): TemplateResult =>
    html`<ol class="cards">
      ${some.map((fix) => fixCard(page, state, fix, fix === best))}
    </ol>`;
  const ordered = [...first, ...tried.filter((fix) => !first.includes(fix))];
  return html`
    ${recommendation === undefined ? nothing : html`<p class="recommendation">${visible(recommendation.sentence)}</p>`}
    ${list(ordered, ordered[0])}
    ${
      warnings.length === 0
        ? nothing
        : foldable(page, 'traps', `What only looks like a fix (${String(warnings.length)})`, () =>
            list(warnings, undefined),
          )
    }
    ${
      declined.length === 0
        ? nothing
        : foldable(page, 'declined', `Fixes that do not apply here (${String(declined.length)})`, () =>
            list(declined, undefined),
          )
    }
  `;
}

/** What Apply writes, where there is a choice: it stands beside the Apply buttons. */
function howView(page: PanelPage, state: PanelState, report: Report): TemplateResult | typeof nothing {
  const helps = report.fixes?.some(mayBeApplied) ?? false;
  if (!helps || state.readOnly || state.applied !== null) {
    return nothing;
  }
  const { target } = page.context.ui;
  return html`<span class="how">
    ${
      state.canChangeInPlace
        ? dropdown(
            'Apply to',
            target,
            [
              ['copy', 'a copy beside it'],
              ['in-place', 'the model itself, keeping a backup'],
            ],
            state.phase === 'running',
            (value) => {
              page.change({ target: value === 'in-place' ? 'in-place' : 'copy' });
            },
          )
        : nothing
    }
    ${target === 'in-place' && state.canChangeInPlace ? nothing : weightsView(page, state)}
  </span>`;
}

/** Big weights are a person's disk space: sizes included. */
function weightsView(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  const offer = state.weights ?? null;
  if (offer === null) {
    return nothing;
  }
  const [first, ...others] = offer.needs;
  const needs = `${first ?? 'the original file'}${others.length === 0 ? '' : ` and ${plural(others.length, 'more file')}`}`;
  return dropdown(
    'Weights of the copy',
    page.context.ui.weights,
    [
      ['reference', `reference: ${fileSize(offer.reference)}, needs ${needs} beside it`],
      ['copy', `copy: ${fileSize(offer.copy)}, needs no other model`],
    ],
    state.phase === 'running',
    (value) => {
      page.change({ weights: value === 'copy' ? 'copy' : 'reference' });
    },
  );
}

/** @param isBest the one whose button stands out. */
function fixCard(page: PanelPage, state: PanelState, fix: FixResult, isBest: boolean): TemplateResult {
  const applied = state.applied?.fixId === fix.id;
  return html`<li class="fix ${fix.verdict}" data-fix=${fix.id}>
    <div class="fixhead">
      <span class="badge" title=${verdictMeaning[fix.verdict]}>${fix.verdict}</span>
      <h3>${visible(fix.title)}</h3>
      ${buttons(page, state, fix, isBest, applied)}
    </div>
    <p class="explanation">${visible(fix.reason)}</p>
    ${fix.effect === undefined || fix.verdict === 'declines' ? nothing : html`<p class="quiet">${visible(fix.effect)}</p>`}
    ${fix.verdict === 'declines' ? nothing : proof(fix)}
  </li>`;
}

function proof(fix: FixResult): TemplateResult {
  return html`<dl>
    ${item('Difference', html`<span class="difference">${differenceText(fix)}</span>`)}
    ${item('Reference', referenceWords[fix.reference])} ${item('NaN left', nanText(fix))}
    ${item('Top token', fix.topTokenSame === null ? '–' : fix.topTokenSame ? 'same' : 'different')}
    ${item('Cost', fix.costRatio === null ? 'not measured' : `×${fix.costRatio.toFixed(2)}`)}
    ${item('Edits', String(fix.edits))} ${shiftView(fix.paddingShift ?? null)}
  </dl>`;
}

/** `2.7e−6 ≤ 1e−5`: what real tokens differ by, against what is tolerated. */
function differenceText(fix: FixResult): string {
  const { realMaxAbsDiff: difference, tolerance } = fix;
  if (difference === null) {
    return '–';
  }
  if (tolerance === null) {
    return figure(difference);
  }
  if (typeof difference === 'string') {
    return `${figure(difference)} (tolerance ${figure(tolerance)})`;
  }
  return `${figure(difference)} ${difference <= tolerance ? '≤' : '>'} ${figure(tolerance)}`;
}

const nanText = (fix: FixResult): string =>
  fix.nanAfter === null
    ? '–'
    : fix.nanAfter === 0
      ? '0'
      : `${String(fix.nanAfter)} (${String(fix.realNanAfter ?? 0)} at real tokens)`;

function buttons(
  page: PanelPage,
  state: PanelState,
  fix: FixResult,
  isBest: boolean,
  applied: boolean,
): TemplateResult | typeof nothing {
  if (state.readOnly || !hasSnippet(fix)) {
    return nothing;
  }
  if (applied) {
    return html`<span class="quiet">applied</span>
      <vscode-button
        appearance="secondary"
        ?disabled=${state.phase === 'running'}
        @click=${() => page.post({ type: 'undo' })}
        >Undo</vscode-button
      >`;
  }
  // What is shown after a fix are the fixes of the model before it.
  if (state.applied !== null) {
    return nothing;
  }
  return html`<span class="buttons">
    ${
      mayBeApplied(fix)
        ? html`${applyButton(page, state, fix.id, fix.title, isBest && fix.verdict === 'heals')}
          ${previewButton(page, state, fix)}`
        : nothing
    }
    ${snippetButton(page, state, fix)}
  </span>`;
}

/** Positions counted from the wrong end move real tokens even without NaN. */
const shiftView = (shift: number | null): TemplateResult | typeof nothing =>
  shift === null || shift === 0 ? nothing : item('Padding shift', figure(shift));
