/** One finding with its proof: mechanism, positions, explanation, evidence. */
import { html, nothing, type TemplateResult } from 'lit';
import type { EvidenceValue, Finding, Report } from '../../src/core/report';
import { figure, nameOf, visible } from '../shared/text';
import { positionsText } from './describe';
import type { AnyMechanism } from '../shared/guide';
import { guideView } from './guide';
import { formulas, formulasView, nanElementsText, toldByFormulas } from './operands';
import type { PanelPage } from './page';
import { scoreRowOf, scoreRowView } from './scoreRow';
import { findSourceLink, sourceLink } from './source';
import { showRow } from './table';

/** The line that a trace or an exporter recorded; else a way to look for it, where the finding's module has a name. */
function sourceView(page: PanelPage, report: Report, finding: ShownFinding): TemplateResult | typeof nothing {
  if (finding.source !== undefined) return html`<p>${sourceLink(page, finding.source)}</p>`;
  const isNamed = finding.module !== undefined || finding.node?.includes('/') === true;
  return isNamed && report.model.source === 'file' ? html`<p>${findSourceLink(page, finding.tensor)}</p>` : nothing;
}

export type ShownFinding = Finding & { readonly mechanism: AnyMechanism };

/** @param id unlike that of any other finding in the document: what is folded open is kept by it */
export function findingView(page: PanelPage, report: Report, finding: ShownFinding, id: string): TemplateResult {
  const row = scoreRowOf(finding);
  const lines = formulas(finding);
  const told = new Set([...(row === null ? [] : ['row', 'exampleRow']), ...(lines.length === 0 ? [] : toldByFormulas)]);
  const facts = Object.entries(finding.evidence).filter(
    ([key, value]) => !told.has(key) && !(key === 'inside' && toldInWords(value, finding.explanation)),
  );
  return html`
    <p class="where">
      <code class="mechanism">${finding.mechanism}</code>
      ${
        finding.node === null
          ? html`graph input ${nameOf(finding.tensor)}`
          : html`${finding.op === null ? nothing : html`${nameOf(finding.op)} `}<span class="node"
                >${nameOf(finding.node)}</span
              >`
      }
    </p>
    <p class="explanation">${visible(finding.explanation)}</p>
    ${sourceView(page, report, finding)}
    ${
      finding.positions === null
        ? html`<p class="quiet">The positions of this tensor are unknown.</p>`
        : positionsView(finding.positions)
    }
    ${row === null ? nothing : scoreRowView(row, finding, report)}
    ${
      lines.length === 0
        ? nothing
        : html`${formulasView(lines, (tensor) => {
              const index = report.table.findIndex((candidate) => candidate.tensor === tensor);
              return index < 0
                ? null
                : () => {
                    showRow(page, report, index, firstSample(finding));
                  };
            })}
            <p class="quiet">${nanElementsText(finding)}</p>`
    }
    ${facts.length === 0 ? nothing : html`<dl class="evidence">${facts.map(([key, value]) => fact(key, value))}</dl>`}
    ${guideView(page, finding.mechanism, id)}
  `;
}

/** Whether every step of the way into a body or an expansion is in the explanation already. */
const toldInWords = (inside: EvidenceValue, explanation: string): boolean =>
  isList(inside) &&
  inside.every(
    (frame) =>
      typeof frame === 'object' &&
      frame !== null &&
      'node' in frame &&
      typeof frame.node === 'string' &&
      explanation.includes(frame.node) &&
      frame['iteration'] === null,
  );

/** The first sample that a finding is about. */
export const firstSample = (finding: Finding): number =>
  Math.max(0, finding.positions?.findIndex((ranges) => ranges !== '') ?? 0);

const fact = (key: string, value: EvidenceValue): TemplateResult =>
  html`<div class=${plain(value).length > wideText ? 'long' : ''}>
    <dt>${visible(spaced(key))}</dt>
    <dd>${evidence(value)}</dd>
  </div>`;

/** More samples than this in one list say less, not more. */
const mostSamples = 6;

function positionsView(positions: readonly string[]): TemplateResult {
  const hit = positions.flatMap((ranges, sample) => (ranges === '' ? [] : [{ ranges, sample }]));
  return html`<p class="quiet positions">
    ${hit
      .slice(0, mostSamples)
      .map(
        ({ ranges, sample }, i) =>
          html`${i === 0 ? '' : '; '}sample ${sample}:
          ${ranges.includes('-') || ranges.includes(',') ? 'positions' : 'position'} ${positionsText(ranges)}`,
      )}${hit.length > mostSamples ? `; and ${String(hit.length - mostSamples)} more samples` : nothing}
  </p>`;
}

/** `negInfPerRow` as `neg inf per row`. */
const spaced = (key: string): string => key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();

const longestList = 12;
/** Characters that a column of the evidence holds in two lines. */
const wideText = 40;
/** An object with more entries gets a list of its own. */
const inlineEntries = 3;
/** Positions as the report writes them: `0-29,34`. */
const rangesOnly = /^\d+-\d+(,\d+(-\d+)?)*$/;

/** Roughly what `evidence` shows, to know how much room it takes. */
function plain(value: EvidenceValue): string {
  if (typeof value !== 'object' || value === null) {
    return String(value);
  }
  return isList(value)
    ? runsOf(value)
        .map(({ entry, times }) => (times > 1 ? `${plain(entry)} × ${String(times)}` : plain(entry)))
        .join(', ')
    : Object.entries(value)
        .map(([key, entry]) => `${spaced(key)} ${plain(entry)}`)
        .join(', ');
}

/** Eight equal entries in a row say no more than one and its number. */
function runsOf(list: readonly EvidenceValue[]): { readonly entry: EvidenceValue; readonly times: number }[] {
  const runs: { entry: EvidenceValue; times: number }[] = [];
  for (const entry of list) {
    const last = runs.at(-1);
    if (last !== undefined && typeof entry !== 'object' && Object.is(last.entry, entry)) {
      last.times += 1;
    } else {
      runs.push({ entry, times: 1 });
    }
  }
  return runs;
}

function evidence(value: EvidenceValue): TemplateResult {
  if (typeof value === 'number') {
    return html`${figure(value, 6)}`;
  }
  // No positions, no tensors: an empty text or list is an answer, and not to be overlooked.
  if (value === '' || (isList(value) && value.length === 0)) {
    return html`none`;
  }
  if (typeof value === 'string') {
    return /^-?(Infinity|NaN)$/.test(value)
      ? nameOf(figure(value))
      : rangesOnly.test(value)
        ? html`${positionsText(value)}`
        : nameOf(value);
  }
  if (typeof value === 'boolean') {
    return html`${value ? 'yes' : 'no'}`;
  }
  if (value === null) {
    return html`–`;
  }
  if (isList(value)) {
    const runs = runsOf(value);
    const more = runs.slice(longestList).reduce((sum, { times }) => sum + times, 0);
    return html`${runs
      .slice(0, longestList)
      .map(
        ({ entry, times }, i) =>
          html`${i === 0 ? '' : ', '}${evidence(entry)}${times > 1 ? ` × ${String(times)}` : nothing}`,
      )}${more > 0 ? `, … (${String(more)} more)` : ''}`;
  }
  const entries = Object.entries(value);
  if (entries.length > inlineEntries) {
    return html`<dl class="evidence">${entries.map(([key, entry]) => fact(key, entry))}</dl>`;
  }
  return html`${entries.map(
    ([key, entry], i) => html`${i === 0 ? '' : ', '}${visible(spaced(key))} ${evidence(entry)}`,
  )}`;
}

const isList = (value: EvidenceValue): value is readonly EvidenceValue[] => Array.isArray(value);
