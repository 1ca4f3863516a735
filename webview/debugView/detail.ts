/** One tensor, close up: where its NaN are, how its values spread, and a corner of them. */
import { html, nothing, type TemplateResult } from 'lit';
import type { LiveDetail } from '../../src/core/live/tensor';
import { cssVars } from '../shared/directives';
import { figure, nameOf, plural, visible } from '../shared/text';

/** Samples that are drawn before the rest is only counted. */
const mostSamples = 64;

/** @param slice asks for the values at other coordinates of the axes before the last two */
export function detailView(detail: LiveDetail, slice: (index: readonly number[]) => void): TemplateResult {
  return html`<p class="quiet">
      ${visible(detail.type)} · ${visible(detail.device)} ·
      ${plural(detail.elements, 'element')}${
        detail.requiresGrad ? ' · requires grad' : ''
      }${detail.mean === null ? '' : html` · mean ${figure(detail.mean)}`}
    </p>
    ${detail.skipped === null ? nothing : html`<p>${visible(detail.skipped)}</p>`}
    ${detail.note === null ? nothing : html`<p class="quiet">${visible(detail.note)}</p>`}
    ${
      detail.scanned === null
        ? nothing
        : html`<p class="quiet">Read in part: ${detail.scanned.toLocaleString('en')} elements.</p>`
    }
    ${cellsView(detail)}${histogramView(detail)}${valuesView(detail, slice)}`;
}

type Kind = 'clean' | 'inf' | 'pad' | 'real';

function cellsView({ cells, roles, axes }: LiveDetail): TemplateResult | typeof nothing {
  if (cells === null) return html`<p class="quiet">${visible(axes.why)}</p>`;
  const kindAt = (sample: number, position: number): Kind => {
    if ((cells.nan[sample]?.[position] ?? 0) > 0) return roles?.rows[sample]?.[position] === 'p' ? 'pad' : 'real';
    const infinite = (cells.posInf[sample]?.[position] ?? 0) + (cells.negInf[sample]?.[position] ?? 0);
    return infinite > 0 ? 'inf' : 'clean';
  };
  return html`<table class="cells">
      <thead>
        <tr>
          <th scope="col">sample</th>
          <th scope="col">NaN</th>
          ${
            roles
              ? html`<th scope="col">pad</th>
                  <th scope="col">real</th>`
              : nothing
          }
          <th scope="col">positions</th>
        </tr>
      </thead>
      <tbody>
        ${cells.nan.slice(0, mostSamples).map((row, sample) => {
          const kinds = row.map((_, position) => kindAt(sample, position));
          const sick = row.filter((count) => count > 0).length;
          const own = roles?.rows[sample] ?? '';
          const of = (role: 'p' | 'r'): string =>
            `${String(row.filter((count, p) => count > 0 && own[p] === role).length)}/${String(own.split(role).length - 1)}`;
          return html`<tr>
            <th scope="row">${String(sample)}</th>
            <td class=${sick > 0 ? 'nan' : 'quiet'}>${String(sick)}/${String(row.length)}</td>
            ${
              roles
                ? html`<td>${of('p')}</td>
                    <td>${of('r')}</td>`
                : nothing
            }
            <td class="strip">${stripView(kinds)}</td>
          </tr>`;
        })}
      </tbody>
    </table>
    ${
      cells.nan.length > mostSamples
        ? html`<p class="quiet">${plural(cells.nan.length - mostSamples, 'more sample')}</p>`
        : nothing
    }
    <p class="quiet">${roles ? html`Pad and real from ${nameOf(roles.from)}. ` : nothing}${visible(axes.why)}</p>`;
}

/** Runs of equal cells, each as wide as it is long. */
function stripView(kinds: readonly Kind[]): TemplateResult {
  const runs: { kind: Kind; from: number; to: number }[] = [];
  for (const [position, kind] of kinds.entries()) {
    const last = runs.at(-1);
    if (last?.kind === kind) last.to = position;
    else runs.push({ kind, from: position, to: position });
  }
  const words: Readonly<Record<Kind, string>> = { clean: 'finite', inf: 'Inf', pad: 'NaN, pad', real: 'NaN' };
  return html`<span
    class="bar"
    role="img"
    aria-label=${runs
      .filter(({ kind }) => kind !== 'clean')
      .map(
        ({ kind, from, to }) => `${words[kind]} at ${from === to ? String(from) : `${String(from)} to ${String(to)}`}`,
      )
      .join(', ')}
    >${runs.map(
      ({ kind, from, to }) =>
        html`<span
          class="run ${kind}"
          title="${from === to ? String(from) : `${String(from)}–${String(to)}`}: ${words[kind]}"
          ${cssVars({ '--length': String(to - from + 1) })}
        ></span>`,
    )}</span
  >`;
}

function histogramView({ histogram }: LiveDetail): TemplateResult | typeof nothing {
  if (histogram === null || histogram.counts.length === 0) return nothing;
  const { counts, edges } = histogram;
  const most = Math.max(...counts, 1);
  return html`<figure>
    <div class="histogram" role="img" aria-label="Histogram of the finite values">
      ${counts.map(
        (count, bin) =>
          html`<span
            title="${figure(edges[bin])} … ${figure(edges[bin + 1])}: ${count.toLocaleString('en')}"
            ${cssVars({ '--share': `${String(count === 0 ? 0 : Math.max(4, (100 * count) / most))}%` })}
          ></span>`,
      )}
    </div>
    <figcaption class="quiet"><span>${figure(edges[0])}</span><span>${figure(edges.at(-1))}</span></figcaption>
  </figure>`;
}

function valuesView(
  { values, index, shape }: LiveDetail,
  slice: (index: readonly number[]) => void,
): TemplateResult | typeof nothing {
  if (values === null || values.length === 0) return nothing;
  const leading = shape.slice(0, Math.max(0, shape.length - 2));
  return html`${
      leading.length === 0
        ? nothing
        : html`<p class="slices">
            ${leading.map(
              (size, axis) =>
                html`<label
                  >axis ${String(axis)}
                  <input
                    type="number"
                    min="0"
                    max=${String(Math.max(0, size - 1))}
                    .value=${String(index[axis] ?? 0)}
                    @change=${(event: Event) => {
                      const wanted = Number((event.currentTarget as HTMLInputElement).value);
                      const within = Math.min(Math.max(0, Math.trunc(wanted) || 0), Math.max(0, size - 1));
                      slice(leading.map((_, i) => (i === axis ? within : (index[i] ?? 0))));
                    }}
                /></label>`,
            )}
          </p>`
    }
    <div class="scroll">
      <table class="values">
        <tbody>
          ${values.map(
            (row) =>
              html`<tr>
                ${row.map((value) => html`<td class=${value === 'NaN' ? 'nan' : ''}>${figure(value)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}
