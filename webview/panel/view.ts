/** The page from top to bottom. */
import { html, nothing, type TemplateResult } from 'lit';
import { batchText } from '../../src/app/render/batch';
import type { ModelInfo } from '../../src/core/report';
import type { PanelTab } from '../../src/protocol/comparing';
import type { PanelState } from '../../src/protocol/panel';
import { nameOf, plural, visible } from '../shared/text';
import { appliedView } from './applied';
import { batchBar } from './batchBar';
import { cardView } from './card';
import { comparisonView } from './compare/view';
import { chainView } from './chain';
import { detailsView } from './details';
import { fixesView } from './fixes';
import { lookView } from './look';
import { mapView } from './map';
import type { PanelPage } from './page';
import { bannerView } from './silent';
import { statusView } from './status';
import { still } from './still';
import { tableView } from './table';
import { tabInFront, tabPanel, tabsView } from './tabs';
import { previewView } from './preview';
import { verdictView } from './verdictView';

export function panelView(page: PanelPage): TemplateResult {
  const { state, protocolError } = page.context;
  if (protocolError !== null) {
    return html`<section class="status error" role="alert">
      <h1>The panel received a message that it cannot read.</h1>
      <p>Reload the window; if it happens again, the log has more. (${visible(protocolError)})</p>
      <vscode-button appearance="secondary" @click=${() => page.post({ type: 'openLog' })}>Open log</vscode-button>
    </section>`;
  }
  if (state === null) {
    return html`<p class="quiet" role="status">Waiting for NaNoscope…</p>`;
  }
  const { comparison, ui } = page.context;
  const tab = tabInFront(state, comparison, ui.tab);
  return html`
    ${headView(page, state, tab)} ${tabsView(page, state)}
    ${
      tab === 'comparison' && comparison !== null
        ? tabPanel(page, state, tab, comparisonView(page, comparison))
        : tabPanel(page, state, tab, diagnosisView(page, state))
    }
  `;
}

function diagnosisView(page: PanelPage, state: PanelState): TemplateResult {
  const { report } = state;
  return html`
    ${statusView(page, state)} ${appliedView(page, state)} ${report === null ? nothing : verdictView(report, state)}
    ${report === null ? nothing : bannerView(page, report)} ${batchBar(page, state)}
    ${
      report === null
        ? lookView(page, state)
        : html`
            ${tableView(page, state, report)}
            ${still(
              page,
              () =>
                html`${detailsView(page, state, report)} ${mapView(page, report)} ${lookView(page, state)}
                  ${previewView(page, state)}
                  <div class="columns">${chainView(page, report)} ${fixesView(page, state, report)}</div>`,
            )}
          `
    }
    ${cardView(page, report)}
  `;
}

function headView(page: PanelPage, state: PanelState, tab: PanelTab): TemplateResult {
  const { report } = state;
  const { comparison } = page.context;
  const model = report?.model ?? state.look?.model;
  const facts = [
    ...(model === undefined ? [] : modelFacts(model)),
    ...(report === null
      ? []
      : [
          // Variants have batches of their own.
          ...(tab === 'comparison' ? [] : [batchText(report.batch), `roles from ${report.batch.rolesFrom}`]),
          report.engine.name === 'pytorch'
            ? `PyTorch ${report.engine.version}`
            : `ONNX Runtime ${report.engine.version}`,
        ]),
  ];
  return html`<header>
    <div class="title">
      <strong>${nameOf(state.modelName)}</strong>
      <span class="quiet facts">${facts.map((fact) => html`<span>${visible(fact)}</span>`)}</span>
    </div>
    <div class="tools">
      ${
        comparison === null && state.phase === 'empty' && state.look === undefined && state.source !== 'report'
          ? nothing
          : html`<vscode-button appearance="secondary" id="compare" @click=${() => page.post({ type: 'compare' })}
                >Compare…</vscode-button
              >
              <vscode-button appearance="secondary" id="history" @click=${() => page.post({ type: 'history' })}
                >History…</vscode-button
              >`
      }
      ${
        report === null || tab === 'comparison'
          ? nothing
          : html`<vscode-button appearance="secondary" @click=${() => page.post({ type: 'copyMarkdown' })}
              >Copy as Markdown</vscode-button
            >`
      }
    </div>
  </header>`;
}

const modelFacts = ({ source, opset, layers, attention, expandedAttention }: ModelInfo): string[] =>
  [
    source === 'live' ? '' : `opset ${String(opset)}`,
    plural(layers, 'layer'),
    `${attentionWords(attention.map(({ kind, op }) => `${kind} ${op}`))}${expandedAttention ? ', fused written out' : ''}`,
  ].filter((fact) => fact !== '');

/** `eager Softmax attention`, `fused Attention`, or the two or three kinds that a mixed model has. */
function attentionWords(kinds: readonly string[]): string {
  const different = [...new Set(kinds)];
  const said = different.slice(0, 3).join(', ');
  return said === '' || said.endsWith('Attention') ? said : `${said} attention`;
}
