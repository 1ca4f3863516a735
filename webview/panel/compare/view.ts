/** The tab of a comparison, from top to bottom. */
import { html, nothing, type TemplateResult } from 'lit';
import { birthsText, differenceText, reachWords } from '../../../src/app/render/compare/words';
import { forPanel } from '../../../src/app/render/ways';
import type { ComparedVariant, Comparison } from '../../../src/core/compare/types';
import type { ComparisonState, ExportFormat } from '../../../src/protocol/comparing';
import { cssVars } from '../../shared/directives';
import { nameOf, visible } from '../../shared/text';
import type { PanelPage } from '../page';
import { still } from '../still';
import { compareMap } from './map';
import { compareTable, patternBadge, variantName } from './table';

export function comparisonView(page: PanelPage, state: ComparisonState): TemplateResult {
  const { comparison } = state;
  switch (state.phase) {
    case 'running':
      return runningView(page, state);
    case 'error':
      return errorView(page, state);
    case 'cancelled':
      return html`<section class="status notice" role="status">
        <p><strong>Cancelled.</strong> ${visible(state.title)}: nothing was compared.</p>
        ${again(page)}
      </section>`;
    case 'done':
      return comparison === null ? html`${nothing}` : doneView(page, comparison);
  }
}

const again = (page: PanelPage): TemplateResult =>
  html`<vscode-button appearance="secondary" @click=${() => page.post({ type: 'compare' })}>Compare…</vscode-button>`;

/** Which variants are through, which one is run, which are to come. */
function runningView(page: PanelPage, { title, progress, planned }: ComparisonState): TemplateResult {
  const fraction = progress?.fraction ?? null;
  const percent = fraction === null ? null : Math.round(Math.min(1, Math.max(0, fraction)) * 100);
  const at = Math.min(planned.length - 1, Math.floor((fraction ?? 0) * planned.length + 1e-9));
  return html`<section class="status running" aria-label="Comparing">
    <div class="runline">
      <vscode-progress-ring aria-hidden="true"></vscode-progress-ring>
      <p role="status">${visible(progress?.text ?? 'Starting…')}</p>
      <vscode-button appearance="secondary" @click=${() => page.post({ type: 'cancelComparison' })}
        >Cancel</vscode-button
      >
    </div>
    <ol class="planned" aria-label=${visible(title)}>
      ${planned.map(
        (label, index) =>
          html`<li class=${index < at ? 'through' : index === at ? 'now' : ''}>
            <span aria-hidden="true">${index < at ? '✓' : index === at ? '▸' : '·'}</span> ${nameOf(label)}
          </li>`,
      )}
    </ol>
    <div
      class="progress ${percent === null ? 'unknown' : ''}"
      role="progressbar"
      aria-label="Progress"
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${percent ?? nothing}
      ${cssVars({ '--done': `${String(percent ?? 0)}%` })}
    ></div>
  </section>`;
}

function errorView(page: PanelPage, { title, error }: ComparisonState): TemplateResult {
  return html`<section class="status error" tabindex="-1" role="alert">
    <h1>${visible(forPanel(error?.message ?? 'The comparison failed.'))}</h1>
    <p>${visible(forPanel(error?.hint ?? ''))}</p>
    <p class="quiet">Compared: ${visible(title)}</p>
    <p class="buttons">
      ${again(page)}
      <vscode-button appearance="secondary" @click=${() => page.post({ type: 'openLog' })}>Open log</vscode-button>
      <span class="quiet">${visible(error?.code ?? '')}</span>
    </p>
  </section>`;
}

function doneView(page: PanelPage, comparison: Comparison): TemplateResult {
  const { variants, verdict, notes } = comparison;
  const mood = variants.every(({ nan }) => nan === 'none') ? 'healthy' : verdict.same ? 'level' : 'unsure';
  return html`
    <h1 class="verdict ${mood}" tabindex="-1" role="status">${visible(verdict.sentence)}</h1>
    ${still(page, () => html`${variantsView(comparison)} ${notesView(notes)} ${exportView(page)}`)}
    ${compareTable(page, comparison)} ${still(page, () => html`${compareMap(page, comparison)}`)}
  `;
}

function variantsView(comparison: Comparison): TemplateResult {
  const { variants } = comparison;
  const models = new Set(variants.map(({ model }) => model)).size;
  const patterns = new Set(variants.map(({ pattern }) => pattern)).size;
  const born = variants.some(({ births }) => (births?.length ?? 0) > 0);
  const compared = variants.some(({ difference }) => difference !== undefined);
  const facts = variants.some((variant) => variant.facts.length > 0);
  const optional = (wanted: boolean, cell: () => TemplateResult): TemplateResult | typeof nothing =>
    wanted ? cell() : nothing;
  return html`<div class="wide">
    <table class="variants" aria-label="Variants">
      <thead>
        <tr>
          <th scope="col">variant</th>
          ${optional(models > 1, () => html`<th scope="col">model</th>`)}
          <th scope="col">NaN</th>
          ${optional(patterns > 1, () => html`<th scope="col">pattern</th>`)}
          ${optional(born, () => html`<th scope="col">born in</th>`)}
          ${optional(compared, () => html`<th scope="col">finite samples</th>`)}
          ${optional(facts, () => html`<th scope="col">run</th>`)}
        </tr>
      </thead>
      <tbody>
        ${variants.map(
          (variant, at) =>
            html`<tr>
              <th scope="row">${variantName(variant, at)}</th>
              ${optional(models > 1, () => html`<td>${nameOf(variant.model)}</td>`)}
              <td class="reach ${variant.nan}">${reachWords[variant.nan]}</td>
              ${optional(patterns > 1, () => html`<td>${patternBadge(variant.pattern)}</td>`)}
              ${optional(born, () => html`<td class="born">${birthOf(variant)}</td>`)}
              ${optional(compared, () => html`<td class="distance">${distanceOf(variant, at)}</td>`)}
              ${optional(facts, () => html`<td class="quiet">${visible(variant.facts.join('; '))}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const birthOf = (variant: ComparedVariant): string =>
  variant.births === null ? 'not asked' : visible(birthsText(variant).replace(/^born in /, '')) || 'nowhere';

const distanceOf = (variant: ComparedVariant, at: number): string =>
  at === 0 ? 'the first' : visible(differenceText(variant).replace(/^finite samples /, '')) || '–';

const notesView = (notes: readonly string[]): TemplateResult | typeof nothing =>
  notes.length === 0
    ? nothing
    : html`<ul class="comparenotes quiet">
        ${notes.map((note) => html`<li>${visible(note)}</li>`)}
      </ul>`;

const formats: readonly (readonly [ExportFormat, string])[] = [
  ['markdown', 'Markdown…'],
  ['csv', 'CSV…'],
  ['json', 'JSON…'],
];

function exportView(page: PanelPage): TemplateResult {
  return html`<div class="exports" role="group" aria-label="Export the comparison">
    <vscode-button appearance="secondary" id="copy-comparison" @click=${() => page.post({ type: 'copyComparison' })}
      >Copy as Markdown</vscode-button
    >
    <span class="quiet" id="save-as">Save as</span>
    ${formats.map(
      ([as, words]) =>
        html`<vscode-button
          appearance="secondary"
          id="save-${as}"
          aria-label="Save as ${words}"
          @click=${() => page.post({ type: 'saveComparison', as })}
          >${words}</vscode-button
        >`,
    )}
  </div>`;
}
