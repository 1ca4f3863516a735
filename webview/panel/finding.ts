/** One finding with its proof: mechanism, positions, explanation, evidence. */
import { html, nothing, type TemplateResult } from 'lit';
import type { EvidenceValue, Finding } from '../../src/core/report';
import { figure, nameOf, visible } from '../shared/text';
import { positionsText } from './describe';

export function findingView(finding: Finding & { readonly mechanism: string }): TemplateResult {
  const facts = Object.entries(finding.evidence);
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
    ${
      finding.positions === null
        ? html`<p class="quiet">The positions of this tensor are unknown.</p>`
        : positionsView(finding.positions)
    }
    ${
      facts.length === 0
        ? nothing
        : html`<dl class="evidence">
            ${facts.map(
              ([key, value]) =>
                html`<div>
                  <dt>${visible(spaced(key))}</dt>
                  <dd>${evidence(value)}</dd>
                </div>`,
            )}
          </dl>`
    }
  `;
}

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

function evidence(value: EvidenceValue): TemplateResult {
  if (typeof value === 'number') {
    return html`${figure(value, 6)}`;
  }
  if (typeof value === 'string') {
    return nameOf(/^-?(Infinity|NaN)$/.test(value) ? figure(value as 'NaN') : value);
  }
  if (typeof value === 'boolean') {
    return html`${value ? 'yes' : 'no'}`;
  }
  if (value === null) {
    return html`–`;
  }
  if (isList(value)) {
    const more = value.length - longestList;
    return html`${value.slice(0, longestList).map((entry, i) => html`${i === 0 ? '' : ', '}${evidence(entry)}`)}${
      more > 0 ? `, … (${String(more)} more)` : ''
    }`;
  }
  return html`${Object.entries(value).map(
    ([key, entry], i) => html`${i === 0 ? '' : ', '}${visible(spaced(key))} ${evidence(entry)}`,
  )}`;
}

const isList = (value: EvidenceValue): value is readonly EvidenceValue[] => Array.isArray(value);
