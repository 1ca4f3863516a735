/** The tabs of a panel that has a comparison beside its diagnosis. */
import { html, nothing, type TemplateResult } from 'lit';
import type { ComparisonState, PanelTab } from '../../src/protocol/comparing';
import type { PanelState } from '../../src/protocol/panel';
import type { PanelPage } from './page';

/** A panel of a stored comparison has nothing to diagnose, and one without a comparison nothing to choose. */
export const hasTabs = (state: PanelState, comparison: ComparisonState | null): boolean =>
  comparison !== null && (state.report !== null || state.source !== 'report');

/** What is in front; the choice counts where there is one. */
export const tabInFront = (state: PanelState, comparison: ComparisonState | null, chosen: PanelTab): PanelTab =>
  comparison === null ? 'diagnosis' : hasTabs(state, comparison) ? chosen : 'comparison';

const names: readonly (readonly [PanelTab, string])[] = [
  ['diagnosis', 'Diagnosis'],
  ['comparison', 'Comparison'],
];

export const panelId = (tab: PanelTab): string => `panel-${tab}`;
const tabId = (tab: PanelTab): string => `tab-${tab}`;

export function tabsView(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  const { comparison, ui } = page.context;
  if (!hasTabs(state, comparison)) return nothing;
  const front = tabInFront(state, comparison, ui.tab);
  const runs: Readonly<Record<PanelTab, boolean>> = {
    diagnosis: state.phase === 'running',
    comparison: comparison?.phase === 'running',
  };
  return html`<div
    class="tabs"
    role="tablist"
    aria-label="What the panel shows"
    @keydown=${(event: KeyboardEvent) => {
      onKey(page, front, event);
    }}
  >
    ${names.map(
      ([tab, name]) =>
        html`<button
          role="tab"
          id=${tabId(tab)}
          aria-selected=${tab === front}
          aria-controls=${tab === front ? panelId(tab) : nothing}
          tabindex=${tab === front ? '0' : '-1'}
          @click=${() => {
            page.showTab(tab);
          }}
        >
          ${name}${runs[tab] ? html`<span class="runs" role="img" aria-label="running"></span>` : nothing}
        </button>`,
    )}
  </div>`;
}

/** The part of the page that a tab brings to the front; without tabs, no landmark of its own. */
export const tabPanel = (page: PanelPage, state: PanelState, tab: PanelTab, content: TemplateResult): TemplateResult =>
  hasTabs(state, page.context.comparison)
    ? html`<div role="tabpanel" id=${panelId(tab)} aria-labelledby=${tabId(tab)}>${content}</div>`
    : content;

function onKey(page: PanelPage, front: PanelTab, event: KeyboardEvent): void {
  const at = names.findIndex(([tab]) => tab === front);
  const to = {
    ArrowRight: (at + 1) % names.length,
    ArrowLeft: (at + names.length - 1) % names.length,
    Home: 0,
    End: names.length - 1,
  }[event.key];
  const [tab] = names[to ?? -1] ?? [];
  if (tab === undefined) return;
  event.preventDefault();
  page.showTab(tab);
  page.flush();
  document.getElementById(tabId(tab))?.focus();
}
