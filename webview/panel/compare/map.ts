/** The map of the difference: one sample of two variants on each other, stages from top to bottom. */
import { html, nothing, type TemplateResult } from 'lit';
import { formatRanges } from '../../../src/core/trace/ranges';
import { clip } from '../../../src/app/render/text';
import type { ComparedVariant, Comparison } from '../../../src/core/compare/types';
import { visible } from '../../shared/text';
import { dropdown } from '../batchBar';
import { positionsText } from '../describe';
import { foldable } from '../foldable';
import type { PanelPage } from '../page';
import { both, leftOnly, pairAt, rightOnly, samplesOf } from './cells';
import { mapChoice } from './choice';
import { mapLines } from './lines';
import { compareCellAt, moveCompareCursor, stepCompareCursor } from './mapCanvas';
import { goToCompared, sampleName } from './table';

export function compareMap(page: PanelPage, comparison: Comparison): TemplateResult | typeof nothing {
  const { variants } = comparison;
  const { pair, sample, basis } = mapChoice(page, comparison);
  const [left, right] = pair.map((at) => variants[at]);
  const lines = mapLines(comparison);
  if (!left || !right || lines.length === 0 || samplesOf(comparison, pair) === 0) return nothing;
  const options = variants.map(({ label }, at) => [String(at), `${String(at + 1)}: ${label}`] as const);
  const choose = (change: Partial<Record<0 | 1, number>>): void => {
    page.change({ comparePair: [change[0] ?? pair[0], change[1] ?? pair[1]] });
  };
  return html`<section class="map" aria-labelledby="compare-map-title">
    <h2 id="compare-map-title">Where they differ, token by token</h2>
    <div class="maphead">
      <div class="pairing">
        ${dropdown('First', String(pair[0]), options, false, (value) => {
          choose({ 0: Number(value) });
        })}
        ${dropdown('Second', String(pair[1]), options, false, (value) => {
          choose({ 1: Number(value) });
        })}
        ${
          samplesOf(comparison, pair) < 2
            ? nothing
            : dropdown(
                'Of sample',
                String(sample),
                Array.from({ length: samplesOf(comparison, pair) }, (_, at) => [String(at), sampleName(left, at)]),
                false,
                (value) => {
                  page.change({ compareSample: Number(value) });
                },
              )
        }
      </div>
      <ul class="legend" aria-label="Legend">
        <li><span class="swatch left"></span>NaN in ${shortLabel(left)} only</li>
        <li><span class="swatch right"></span>NaN in ${shortLabel(right)} only</li>
        <li><span class="swatch both"></span>NaN in both</li>
        <li><span class="swatch real"></span>in neither</li>
        ${basis === 'positions' ? html`<li><span class="swatch pad"></span>padding</li>` : nothing}
      </ul>
    </div>
    ${basis === 'kind' ? kindView(page, comparison) : plotView(page, comparison)}
  </section>`;
}

/** The lists above have the whole name. */
const shortLabel = ({ label }: ComparedVariant): string => clip(visible(label), 44);

const kindView = (page: PanelPage, comparison: Comparison): TemplateResult => {
  const { pair, sample } = mapChoice(page, comparison);
  const [left, right] = pair.map((at) => comparison.variants[at]?.roles[sample]?.length ?? 0);
  return html`<p class="quiet none">
    This sample has other lengths in the two (${left} and ${right} positions), so its positions cannot be laid on each
    other. The table says whether NaN is at none, some or all of them.
  </p>`;
};

function plotView(page: PanelPage, comparison: Comparison): TemplateResult {
  const { basis } = mapChoice(page, comparison);
  const unlike = unlikeLines(page, comparison);
  const summary =
    unlike.length === 0
      ? `Map of the difference: no stage differs`
      : `Map of the difference: ${String(unlike.length)} of ${String(mapLines(comparison).length)} stages differ, first ${unlike[0]?.title ?? ''}`;
  return html`${
      basis === 'tokens'
        ? html`<p class="quiet aligned">
            Padding is at different sides, so only real tokens are laid on each other; the table tells of the padding.
          </p>`
        : nothing
    }
    <div class="mapplot">
      <canvas
        id="compare-map"
        tabindex="0"
        role="img"
        aria-label="${summary}. Arrow keys read single cells, Enter shows the row in the table."
        @mousemove=${(event: MouseEvent) => {
          moveCompareCursor(page, comparison, compareCellAt(event, page, comparison));
        }}
        @mouseleave=${() => {
          moveCompareCursor(page, comparison, null);
        }}
        @click=${(event: MouseEvent) => {
          const line = mapLines(comparison)[compareCellAt(event, page, comparison)?.line ?? -1];
          if (line) showCompared(page, comparison, line.index);
        }}
        @keydown=${(event: KeyboardEvent) => {
          const line = stepCompareCursor(page, comparison, event);
          if (line) showCompared(page, comparison, line.index);
        }}
      ></canvas>
    </div>
    <p class="readout" id="compare-readout" aria-live="polite">&nbsp;</p>
    ${foldable(
      page,
      'compare-map-text',
      'The difference as text',
      () =>
        html`<ul class="maptext">
          ${unlike.length === 0 ? html`<li>No stage differs in this sample.</li>` : nothing}
          ${unlike.slice(0, mostLines).map(({ title, words }) => html`<li>${title}: ${words}</li>`)}
          ${unlike.length > mostLines ? html`<li>… and ${unlike.length - mostLines} more stages</li>` : nothing}
        </ul>`,
    )}`;
}

const mostLines = 100;

function unlikeLines(page: PanelPage, comparison: Comparison): { readonly title: string; readonly words: string }[] {
  const { pair, sample } = mapChoice(page, comparison);
  const [left, right] = pair.map((at) => visible(comparison.variants[at]?.label ?? ''));
  return mapLines(comparison).flatMap(({ row, layer, name }) => {
    const cells = pairAt(comparison, row, pair, sample);
    if (!cells?.runs.some(({ role }) => role !== both)) return [];
    const at = (wanted: string): string => {
      const codes = new Set(
        cells.runs.flatMap(({ from, to, role }) =>
          role === wanted ? Array.from({ length: to - from }, (_, i) => from + i) : [],
        ),
      );
      return formatRanges(cells.roles.length, (index) => codes.has(index));
    };
    const said = [
      [at(leftOnly), left],
      [at(rightOnly), right],
    ].flatMap(([positions, label]) => (positions ? [`NaN at ${positionsText(positions)} in ${label ?? ''} only`] : []));
    return [{ title: visible(layer === null ? name : `${layer} ${name}`), words: said.join('; ') }];
  });
}

/** The row may be folded or filtered away; then the filter gives way. */
function showCompared(page: PanelPage, comparison: Comparison, row: number): void {
  const { pair, sample } = mapChoice(page, comparison);
  page.remember({ compareLayers: '', onlyDifferences: false, compareFolded: false });
  page.flush();
  document.getElementById('compare-scroller')?.scrollIntoView({ block: 'nearest' });
  const before = comparison.variants.slice(0, pair[1]).reduce((sum, { roles }) => sum + roles.length, 0);
  goToCompared(page, comparison, row, before + sample);
}
