/** The verdict sentence, with names isolated and formulas set apart. */
import { html, type TemplateResult } from 'lit';
import type { Report } from '../../src/core/report';
import { verdictParts, type VerdictPart } from '../../src/core/trace/verdict';
import type { PanelState } from '../../src/protocol/panel';
import { nameOf, visible } from '../shared/text';

export function verdictView(report: Report, state: PanelState): TemplateResult {
  const nanLeft = report.outputs.some((output) => output.nanPositions?.some((count) => count > 0) ?? false);
  const mood = report.origins.length > 0 ? 'sick' : nanLeft ? 'unsure' : 'healthy';
  return html`<h1 class="verdict ${mood}" tabindex="-1" role="status" aria-busy=${state.phase === 'running'}>
    ${verdictParts(report).map(partView)}
  </h1>`;
}

function partView(part: VerdictPart): TemplateResult {
  switch (part.kind) {
    case 'name':
      return nameOf(part.text);
    case 'formula':
      return html`<code>${part.text}</code>`;
    case 'fix':
      return html`<button class="link" title="Show the fixes" @click=${showFixes}>${nameOf(part.text)}</button>`;
    case 'text':
      return html`${visible(part.text)}`;
  }
}

function showFixes(): void {
  const title = document.getElementById('fixes-title');
  title?.scrollIntoView({ block: 'start', behavior: 'smooth' });
  title?.focus({ preventScroll: true });
}
