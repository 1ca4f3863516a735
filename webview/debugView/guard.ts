/** Break on first NaN: its switch, and what it found. */
import { html, nothing, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import { hitPlace } from '../../src/app/render/hit';
import {
  guardLevels,
  type FoundNaN,
  type GuardLevel,
  type GuardView,
  type WatchedTensor,
} from '../../src/core/live/guard';
import type { FromTensors } from '../../src/protocol/tensors';
import { guideEntry } from '../shared/guide';
import { nameOf, plural, visible } from '../shared/text';

type Post = (message: FromTensors) => void;

const levelWords: Readonly<Record<GuardLevel, readonly [label: string, title: string]>> = {
  ops: ['every operation', 'Names the operation and its line. The program may take twice as long.'],
  modules: ['modules only', 'Looks at what modules are given and give. A few percent slower.'],
};

export function guardView(guard: GuardView, post: Post): TemplateResult {
  const { on, level, hits } = guard;
  return html`<section class="guard" aria-label="Break on first NaN">
    <div class="switch">
      <label title="Programs that are debugged stop in the line in which NaN begins">
        <input
          type="checkbox"
          .checked=${on}
          @change=${(event: Event) => {
            post({ type: 'guard', on: (event.currentTarget as HTMLInputElement).checked, level });
          }}
        />
        Break on first NaN</label
      >
      <select
        aria-label="What is looked at"
        title=${levelWords[level][1]}
        @change=${(event: Event) => {
          const wanted = guardLevels.find((one) => one === (event.currentTarget as HTMLSelectElement).value);
          if (wanted) post({ type: 'guard', on, level: wanted });
        }}
      >
        ${guardLevels.map(
          (one) => html`<option value=${one} ?selected=${one === level}>${levelWords[one][0]}</option>`,
        )}
      </select>
    </div>
    ${on ? watchingView(guard) : nothing} ${hits.map((hit) => keyed(hit.session, hitView(hit, guard, post)))}
  </section>`;
}

function watchingView({ watching, hits, status, problem }: GuardView): TemplateResult {
  if (problem !== null) return html`<p class="error">${visible(problem)}</p>`;
  return html`${
    watching.length > 0
      ? html`<p class="quiet">
          ${status?.waiting === true ? 'Waits until torch is imported: ' : 'Watching '}${watching.map((name, i) => html`${i > 0 ? ', ' : ''}${nameOf(name)}`)}.
          ${status && status.checked > 0 ? `${status.checked.toLocaleString('en')} calls looked at, no NaN began.` : nothing}
        </p>`
      : hits.length === 0
        ? html`<p class="quiet">The next PyTorch program that is debugged is watched from its start.</p>`
        : nothing
  }
  ${
    status && status.sickInputs.count > 0
      ? html`<p class="quiet">NaN that was not computed here: ${visible(status.sickInputs.first ?? '')}.</p>`
      : nothing
  }
  ${
    status?.level === 'ops' && status.modes === 'none'
      ? html`<p class="quiet">This version of torch shows no operations; its modules are watched.</p>`
      : nothing
  }
  ${
    status && status.errors > 0
      ? html`<p class="quiet">
          ${plural(status.errors, 'check')} failed (${visible(status.lastError ?? '')}); the program went on.
        </p>`
      : nothing
  }`;
}

function hitView(hit: FoundNaN, { on, level }: GuardView, post: Post): TemplateResult {
  const { at, inputs, output, mechanism, why, session, sessionName, thread } = hit;
  return html`<article>
    <h2>NaN begins: ${visible(hitPlace(hit))}</h2>
    <p class="why"><code>${mechanism}</code> ${visible(why)}</p>
    ${at === null ? nothing : placeView(at, session, post)}
    <table class="operands">
      <tbody>
        ${inputs.map((input) => operandView('in', input))}${operandView('out', output)}
      </tbody>
    </table>
    ${positionsView(output)}
    <p class="quiet">${nameOf(sessionName)}, thread ${nameOf(thread)}.</p>
    <details>
      <summary>What is this?</summary>
      ${guideEntry(mechanism)}
    </details>
    ${
      on
        ? html`<button
            class="tool"
            title="Stop at the next NaN that begins"
            @click=${() => {
              post({ type: 'guard', on: true, level });
            }}
          >
            Watch on
          </button>`
        : nothing
    }
  </article>`;
}

const placeView = (at: NonNullable<FoundNaN['at']>, session: string, post: Post): TemplateResult =>
  html`<p>
    <button
      class="link"
      title=${visible(at.file)}
      @click=${() => {
        post({ type: 'show', session });
      }}
    >
      ${visible(at.file.split(/[\\/]/).at(-1) ?? at.file)}:${String(at.line)}</button
    ><span class="quiet"> in ${visible(at.function)}</span>
  </p>`;

function operandView(side: 'in' | 'out', tensor: WatchedTensor): TemplateResult {
  const { name, type, dtype, shape, counts, skipped } = tensor;
  const infinite = counts ? counts.posInf + counts.negInf : 0;
  return html`<tr>
    <th scope="row">${side}</th>
    <td>
      ${name === null ? visible(type) : nameOf(name)}
      <code class="quiet">${visible(`${dtype}[${shape.join(',')}]`)}</code>
    </td>
    <td class=${counts && counts.nan > 0 ? 'nan' : 'quiet'}>
      ${
        counts === null
          ? visible(skipped ?? 'not read')
          : counts.nan > 0
            ? `NaN ${counts.nan.toLocaleString('en')}`
            : infinite > 0
              ? `no NaN, ${infiniteWords(counts)}`
              : 'clean'
      }
    </td>
  </tr>`;
}

const infiniteWords = ({ posInf, negInf }: NonNullable<WatchedTensor['counts']>): string =>
  [
    ...(posInf > 0 ? [`+Inf ${posInf.toLocaleString('en')}`] : []),
    ...(negInf > 0 ? [`−Inf ${negInf.toLocaleString('en')}`] : []),
  ].join(', ');

const paddingWords: Readonly<Record<NonNullable<WatchedTensor['padding']>, string>> = {
  exactly: 'exactly at the padding of the mask',
  inside: 'all inside the padding of the mask',
  beyond: 'beyond the padding of the mask',
};

/** Samples whose positions are told before the rest is only counted. */
const mostSamples = 16;

function positionsView({ nanAt, padding }: WatchedTensor): TemplateResult | typeof nothing {
  if (nanAt === null) return nothing;
  const sick = nanAt.flatMap((positions, sample) => (positions === '' ? [] : [{ sample, positions }]));
  return html`<ul class="positions">
      ${sick
        .slice(0, mostSamples)
        .map(({ sample, positions }) => html`<li>Sample ${String(sample)}: positions ${visible(positions)}</li>`)}
      ${sick.length > mostSamples ? html`<li class="quiet">${plural(sick.length - mostSamples, 'more sample')}</li>` : nothing}
    </ul>
    ${padding === null ? nothing : html`<p class="quiet">NaN lies ${paddingWords[padding]}.</p>`}`;
}
