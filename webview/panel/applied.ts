/** After a fix was applied: what was written, how to take it back, and the model before and after side by side. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Report } from '../../src/core/report';
import type { AppliedFix, PanelState } from '../../src/protocol/panel';
import { nameOf, plural, visible } from '../shared/text';
import type { PanelPage } from './page';
import { hasNan } from './rows';

const weightWords: Readonly<Record<AppliedFix['weights'], string>> = {
  inside: 'weights inside',
  referenced: 'weights referenced where they are: keep the original file',
  copied: 'weights copied beside it',
};

export function appliedView(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  const { applied, before, report } = state;
  if (applied === null) {
    return nothing;
  }
  const file = applied.file.split(/[\\/]/).at(-1) ?? applied.file;
  // Until the fixed model was run, the report that is still shown is the sick one's.
  const after = applied.measured ? report : null;
  return html`<section id="applied" class="status applied" tabindex="-1" aria-live="polite" aria-label="Applied fix">
    <p>
      <strong
        >${applied.backup === undefined ? 'Written' : 'Changed'}
        <span title=${visible(applied.file)}>${nameOf(file)}</span></strong
      >
      <span class="quiet"
        >${
          applied.backup === undefined
            ? `(${weightWords[applied.weights]})`
            : html`(the original is ${nameOf(applied.backup.split(/[\\/]/).at(-1) ?? applied.backup)})`
        }</span
      >
    </p>
    <vscode-button
      id="undo"
      appearance="secondary"
      ?disabled=${state.phase === 'running' || state.readOnly}
      @click=${() => page.post({ type: 'undo' })}
      >Undo</vscode-button
    >
    ${after === null ? html`<p class="quiet proof">${waiting[state.phase]}</p>` : nothing}
    ${before === null || after === null ? nothing : comparison(before, after)}
  </section>`;
}

/** In place of the comparison, while there is nothing to compare. */
const waiting: Readonly<Record<PanelState['phase'], string>> = {
  running: 'The fixed model is being diagnosed.',
  done: 'The fixed model has not been diagnosed.',
  empty: 'The fixed model has not been diagnosed.',
  error: 'The fixed model could not be diagnosed: what is shown below is the model before the fix.',
  cancelled: 'The diagnosis of the fixed model was cancelled: what is shown below is the model before the fix.',
};

function comparison(before: Report, after: Report): TemplateResult {
  const lines: readonly (readonly [string | TemplateResult, string, string])[] = [
    ...before.outputs.map((output, index): readonly [TemplateResult, string, string] => [
      html`NaN in ${nameOf(output.name)}`,
      outputText(output),
      outputText(after.outputs.find(({ name }) => name === output.name) ?? after.outputs[index]),
    ]),
    ['stages with NaN', share(before), share(after)],
    ['births', String(before.origins.length), String(after.origins.length)],
    ['real tokens with NaN, worst stage', worstReal(before), worstReal(after)],
  ];
  return html`<table class="compare">
    <thead>
      <tr>
        <td></td>
        <th scope="col">before</th>
        <th scope="col">after</th>
      </tr>
    </thead>
    <tbody>
      ${lines.map(
        ([label, was, is]) =>
          html`<tr>
            <th scope="row">${label}</th>
            <td class=${isClean(was) ? 'clean' : 'dirty'}>${was}</td>
            <td class=${isClean(is) ? 'clean' : 'dirty'}>${is}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

const isClean = (text: string): boolean => text === 'none' || /^0\b/.test(text);

function outputText(output: Report['outputs'][number] | undefined): string {
  if (output === undefined || output.nanPositions === null) {
    return 'not known';
  }
  const counts = output.nanPositions.flatMap((count, sample) =>
    count === 0 ? [] : [`sample ${String(sample)}: ${String(count)}/${String(output.of)}`],
  );
  const shown = counts.slice(0, 3).join(', ');
  return counts.length === 0
    ? 'none'
    : counts.length > 3
      ? `${shown} and ${plural(counts.length - 3, 'more sample')}`
      : shown;
}

const share = (report: Report): string =>
  `${String(report.table.filter(hasNan).length)} of ${String(report.table.length)}`;

function worstReal(report: Report): string {
  let worst = 0;
  for (const row of report.table) {
    worst = Math.max(worst, row.samples?.reduce((sum, sample) => sum + sample.realNan, 0) ?? 0);
  }
  const real = report.batch.roles.reduce((sum, roles) => sum + roles.replaceAll('p', '').length, 0);
  return `${String(worst)} of ${String(real)}`;
}
