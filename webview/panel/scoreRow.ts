/** The score row at a birth in a softmax: one cell per key, told by which mask (or which number) made it −inf. */
import { html, nothing, type TemplateResult } from 'lit';
import { rowOf } from '../../src/app/render/notes';
import type { EvidenceValue, Finding, Report } from '../../src/core/report';
import { nameOf, plural } from '../shared/text';
import { bandView, legendView, type CellKind } from './band';

/** The letters of `evidence.row.cells`, in the order of a legend. */
const kinds: Readonly<Record<string, CellKind>> = {
  c: { letter: 'c', look: 'by-causal', words: '−inf by the causal mask' },
  p: { letter: 'p', look: 'by-padding', words: '−inf by the padding mask' },
  b: { letter: 'b', look: 'by-both', words: '−inf by both masks' },
  m: { letter: 'm', look: 'by-other', words: '−inf by another mask' },
  v: { letter: 'v', look: 'by-overflow', words: '−inf because finite numbers left the range of the type' },
  s: { letter: 's', look: 'by-scores', words: '−inf already in the scores, before any mask' },
  '+': { letter: '+', look: 'by-plus', words: '+inf' },
  '.': { letter: '', look: 'by-nothing', words: 'finite, not masked' },
  '?': { letter: '?', look: 'by-unknown', words: '−inf, its cause was not found' },
};

export interface ScoreRow {
  readonly sample: number;
  readonly position: number;
  /** All keys; `cells` may hold fewer of a very long row. */
  readonly keys: number;
  readonly cells: string;
  /** Names of the tensors that masked, by kind. */
  readonly parts: readonly { readonly kind: string; readonly names: readonly string[] }[];
}

/** Null where the finding has no row, or one that this version cannot read. */
export function scoreRowOf(finding: Pick<Finding, 'evidence'>): ScoreRow | null {
  const row = finding.evidence['row'];
  if (!isObject(row)) {
    return null;
  }
  const { sample, position, keys, cells, parts } = row;
  if (
    typeof sample !== 'number' ||
    typeof position !== 'number' ||
    typeof keys !== 'number' ||
    typeof cells !== 'string' ||
    cells === ''
  ) {
    return null;
  }
  const named = isObject(parts)
    ? Object.entries(parts).flatMap(([kind, names]) => {
        const list = Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
        return list.length === 0 ? [] : [{ kind, names: list }];
      })
    : [];
  return { sample, position, keys, cells, parts: named };
}

const isObject = (value: EvidenceValue | undefined): value is Readonly<Record<string, EvidenceValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const partWords: Readonly<Record<string, string>> = {
  causal: 'causal mask',
  padding: 'padding mask',
  other: 'other mask',
};

export function scoreRowView(row: ScoreRow, finding: Finding, report: Report): TemplateResult {
  const { sample, position, keys, cells } = row;
  const keyRoles = rolesOfKeys(report, finding, sample, keys);
  const own = rolesOfQueries(report, finding, sample)[position];
  const role = own === undefined ? '' : own === 'p' ? ' (padding)' : ' (a real token)';
  const title = `Scores of sample ${String(sample)}, query position ${String(position)}${role}, over ${plural(keys, 'key')}`;
  const masked = cells.replace(/[.+]/g, '').length;
  const over = cells.split('+').length - 1;
  const says = `${title}: ${String(masked)} −inf${over > 0 ? `, ${String(over)} +inf` : ''}, ${String(cells.length - masked - over)} finite. The list says which.`;
  return html`<figure class="scorerow">
    <figcaption>${title}</figcaption>
    ${bandView(cells, kinds, keyRoles.slice(0, cells.length), 'key', says)} ${legendView(cells, kinds, 'key')}
    ${cells.length < keys ? html`<p class="quiet">The first ${cells.length} of ${keys} keys are shown.</p>` : nothing}
    ${
      row.parts.length === 0
        ? nothing
        : html`<p class="quiet parts">
            ${row.parts.map(
              ({ kind, names }, i) =>
                html`${i === 0 ? '' : '; '}${partWords[kind] ?? kind}:
                ${names.map((name, at) => html`${at === 0 ? '' : ', '}${nameOf(name)}`)}`,
            )}
          </p>`
    }
  </figure>`;
}

const inEncoder = (report: Report, finding: Finding): boolean => rowOf(report.table, finding)?.sequence === 'memory';

const rolesOfQueries = (report: Report, finding: Finding, sample: number): string =>
  (inEncoder(report, finding) ? report.batch.memory?.roles : report.batch.roles)?.[sample] ?? '';

/**
 * Keys are of the encoder's sequence in the encoder and in cross-attention; a cache makes them longer than either, and
 * then unknown.
 */
function rolesOfKeys(report: Report, finding: Finding, sample: number, keys: number): string {
  const own = report.batch.roles[sample];
  const memory = report.batch.memory?.roles[sample];
  const ofMemory = finding.block === 'cross' || inEncoder(report, finding);
  return (ofMemory ? [memory, own] : [own, memory]).find((candidate) => candidate?.length === keys) ?? '';
}
