/** The figures of one cell, as a description list; the card and the details share them. */
import { html, nothing, type TemplateResult } from 'lit';
import type { SampleHealth, TableRow } from '../../src/core/report';
import { figure, nameOf } from '../shared/text';
import { axesWords, positionsText, typeOf } from './describe';

export function tensorFigures(row: TableRow): TemplateResult {
  return html`
    ${item('Tensor', nameOf(row.tensor))}
    ${item('Node', row.node === null ? 'a graph input' : html`${nameOf(row.node)}${row.op === null ? nothing : html` (${nameOf(row.op)})`}`)}
    ${item('Type', typeOf(row))} ${item('Counted along', axesWords[row.axes])}
  `;
}

export function healthFigures(health: SampleHealth): TemplateResult {
  return html`
    ${item('NaN', counted(health.nan, health.of))} ${item('+Inf', counted(health.posInf, health.of))}
    ${item('−Inf', counted(health.negInf, health.of))}
    ${
      health.pad === 0
        ? nothing
        : item(
            'Split',
            `padding ${String(health.padNan)}/${String(health.pad)}, real ${String(health.realNan)}/${String(health.real)}`,
          )
    }
    ${item('NaN at', positionsText(health.nanAt))}
    ${item(
      'Finite range',
      health.min === null && health.max === null
        ? // What only the screen, or a recording, looked at has no figures.
          health.nan + health.posInf + health.negInf < health.of
          ? 'not measured'
          : 'no finite element'
        : `${figure(health.min)} … ${figure(health.max)}`,
    )}
    ${item('Abs max', figure(health.absMax))} ${item('Norm', figure(health.norm))}
  `;
}

export function wholeFigures(whole: NonNullable<TableRow['whole']>): TemplateResult {
  const yes = (there: boolean): string => (there ? 'yes' : 'none');
  return html`${item('NaN', yes(whole.nan))} ${item('+Inf', yes(whole.posInf))} ${item('−Inf', yes(whole.negInf))}`;
}

export const item = (label: string, value: unknown): TemplateResult =>
  html`<div>
    <dt>${label}</dt>
    <dd>${value}</dd>
  </div>`;

const counted = (count: number, of: number): string => `${String(count)} of ${String(of)}`;
