/** Which padding can leave a row of attention without any key: read from the masks alone, before any run. */
import { html, nothing, type TemplateResult } from 'lit';
import { caseText, caseTone, lookGist, outcomeText } from '../../src/app/render/look';
import { layerRanges } from '../../src/app/render/findings';
import type { LookCase, MaskLook, Origin, Report, StaticLook } from '../../src/core/report';
import type { PanelState } from '../../src/protocol/panel';
import { nameOf, plural, visible } from '../shared/text';
import { foldable } from './foldable';
import type { PanelPage } from './page';
import { showFinding } from './story';

/** More masks than this say less, not more. */
const shown = 12;

const cases = [
  ['left', 'Left-padded sample'],
  ['right', 'Right-padded sample'],
  ['empty', 'Empty sample'],
] as const;

/** Open while there is nothing else to look at; one line to be opened beside a report. */
export function lookView(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  const { report } = state;
  const look = report === null ? state.look?.staticLook : report.staticLook;
  if (look === undefined || look.masks.length === 0) {
    return nothing;
  }
  const title = html`<h2 id="look-title">Masks and padding</h2>`;
  return html`<section class="look" aria-labelledby="look-title">
    ${
      report === null
        ? html`${title}${lookTable(page, look, null)}`
        : html`${title}${foldable(page, 'look', html`${visible(lookGist(look))}`, () => lookTable(page, look, report))}`
    }
  </section>`;
}

function lookTable(page: PanelPage, { masks, paddingInputs }: StaticLook, report: Report | null): TemplateResult {
  const rest = masks.length - shown;
  return html`
    <p class="quiet">
      Read from the masks alone${report === null ? ', before any run' : ', and compared with this run'}. Padding is told
      by
      ${paddingInputs.length === 0 ? 'no input' : paddingInputs.map((name, i) => html`${i === 0 ? '' : ', '}${nameOf(name)}`)}.
    </p>
    <table class="masks">
      <thead>
        <tr>
          <th scope="col">Attention</th>
          ${cases.map(([, title]) => html`<th scope="col">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${masks.slice(0, shown).map((mask) => maskRows(page, mask, report))}
      </tbody>
    </table>
    ${rest > 0 ? html`<p class="quiet">and ${plural(rest, 'more mask')}</p>` : nothing}
  `;
}

function maskRows(page: PanelPage, mask: MaskLook, report: Report | null): TemplateResult {
  const birth = report?.origins.find(({ node }) => node !== null && mask.nodes.includes(node));
  return html`<tr>
      <th scope="row">
        ${placeView(mask)}${report === null || birth === undefined ? nothing : birthLink(page, report, birth)}
      </th>
      ${cases.map(([name, title]) => caseView(mask[name], title, mask, report !== null))}
    </tr>
    <tr class="says">
      <td colspan="4">${visible(mask.sentence)}</td>
    </tr>`;
}

function placeView({ layers, nodes, kind }: MaskLook): TemplateResult {
  const known = layers.filter((layer) => layer !== null);
  const [first] = nodes;
  const place = known.length === 0 ? '' : `${known.length === 1 ? 'layer' : 'layers'} ${layerRanges(known)}`;
  const more = nodes.length > 1 ? ` and ${String(nodes.length - 1)} more` : '';
  return html`${place === '' ? nothing : html`<span class="place">${place}</span>`}
    <span class="quiet">${kind === 'eager' ? 'written out' : 'fused'}</span>
    <span class="node quiet" title=${nodes.slice(0, 64).map(visible).join('\n')}>${nameOf(first ?? '')}${more}</span>`;
}

const birthLink = (page: PanelPage, report: Report, birth: Origin): TemplateResult =>
  html`<button
    class="link"
    @click=${() => {
      showFinding(page, report, birth);
    }}
  >
    Show the birth
  </button>`;

function caseView(one: LookCase, title: string, { fill }: MaskLook, ran: boolean): TemplateResult {
  return html`<td class="case ${caseTone(one, fill)}" data-case=${title}>
    <span class="told">${caseText(one, fill)}</span>
    ${ran && one.verdict !== 'unknown' ? html`<span class="outcome ${one.confirmed}">${outcomeText[one.confirmed]}</span>` : nothing}
  </td>`;
}
