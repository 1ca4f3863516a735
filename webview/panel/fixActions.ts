/** What a person can do with a fix, wherever it is offered: in the list, in the details of a birth, in its preview. */
import { html, nothing, type TemplateResult } from 'lit';
import type { FixResult } from '../../src/core/report';
import type { PanelState } from '../../src/protocol/panel';
import { offeredFixes } from '../../src/protocol/offered';
import { visible } from '../shared/text';
import type { PanelPage } from './page';

/** @param stands whether it is the one button of its place that stands out */
export function applyButton(
  page: PanelPage,
  state: PanelState,
  fixId: string,
  title: string,
  stands: boolean,
): TemplateResult {
  const { target, weights } = page.context.ui;
  const inPlace = target === 'in-place' && state.canChangeInPlace;
  return html`<vscode-button
    class="apply-button"
    appearance=${stands ? 'primary' : 'secondary'}
    aria-label="Apply: ${visible(title)}"
    title=${inPlace ? 'Changes the model itself; the original stays beside it' : 'Writes a copy; the model stays as it is'}
    ?disabled=${state.phase === 'running' || state.applied !== null}
    @click=${() => {
      page.post({
        type: 'apply',
        fixId,
        ...(inPlace ? { inPlace } : state.weights ? { weights } : {}),
      });
    }}
    >Apply</vscode-button
  >`;
}

export function previewButton(page: PanelPage, state: PanelState, fix: FixResult): TemplateResult {
  return html`<vscode-button
    class="preview-button"
    appearance="secondary"
    aria-label="Preview: ${visible(fix.title)}"
    title="Shows the nodes before and after; nothing is written"
    ?disabled=${state.phase === 'running'}
    @click=${() => page.post({ type: 'preview', fixId: fix.id })}
    >Preview</vscode-button
  >`;
}

export function snippetButton(page: PanelPage, state: PanelState, fix: FixResult): TemplateResult {
  return html`<vscode-button
    class="snippet-button"
    appearance="secondary"
    aria-label="Copy as PyTorch: ${visible(fix.title)}"
    title="Copies lines of PyTorch with the same effect, and where they go"
    ?disabled=${state.phase === 'running'}
    @click=${() => page.post({ type: 'copyFixSnippet', fixId: fix.id })}
    >PyTorch</vscode-button
  >`;
}

/** Offered where NaN is born; the rest is in the list. */
const mostHere = 3;

/** The best fixes, right where NaN is born. */
export function fixesHere(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  const fixes = offeredFixes(state);
  if (fixes.length === 0) {
    return nothing;
  }
  return html`<div class="fixeshere" role="group" aria-label="The best fixes of this model">
    <h3>Fix it here</h3>
    <ul>
      ${fixes.slice(0, mostHere).map(
        (fix, i) =>
          html`<li class="fix ${fix.verdict}" data-fix-here=${fix.id}>
            <span class="badge">${fix.verdict}</span> <span class="fixtitle">${visible(fix.title)}</span>
            <span class="buttons">
              ${applyButton(page, state, fix.id, fix.title, i === 0 && fix.verdict === 'heals')}
              ${previewButton(page, state, fix)}
            </span>
          </li>`,
      )}
    </ul>
  </div>`;
}

/** In the row of a birth: straight to the preview of the best fix, from where it is applied. */
export function fixLink(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  const [best] = offeredFixes(state);
  return best === undefined || state.phase === 'running'
    ? nothing
    : html`<button
        class="link fixlink"
        tabindex="-1"
        title="${visible(best.title)}: ${best.verdict}. Shows what it changes"
        @click=${() => page.post({ type: 'preview', fixId: best.id })}
      >
        Fix…
      </button>`;
}
