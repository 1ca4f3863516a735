/** The list of tensors as a function of the host's state. */
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { conditionOf, sickness, typeOf, type Condition, type LiveTensor } from '../../src/core/live/tensor';
import type { GuardView } from '../../src/core/live/guard';
import type { FromTensors, ShownWatch } from '../../src/protocol/tensors';
import { figure, nameOf, plural, visible } from '../shared/text';
import { detailView } from './detail';
import { guardView } from './guard';

export interface View {
  /** Null until the host has said something. */
  readonly state: ShownWatch | null;
  readonly guard: GuardView | null;
  readonly unreadable: string | null;
  readonly post: (message: FromTensors) => void;
}

export function tensorsView(view: View): TemplateResult {
  const { state, guard, unreadable } = view;
  if (unreadable !== null) {
    return html`<p class="error">A message of the extension could not be read: ${visible(unreadable)}</p>`;
  }
  if (state === null || guard === null) return html``;
  return html`${guardView(guard, view.post)}${headView(view, state)}${bodyView(view, state)}`;
}

function headView({ post }: View, { phase, scope, place }: ShownWatch): TemplateResult {
  const sick = scope?.tensors.filter((tensor) => conditionOf(tensor) === 'nan').length ?? 0;
  return html`<header aria-live="polite">
    ${
      phase === 'idle'
        ? html`<span class="quiet">Nothing is stopped.</span>`
        : html`<span>
              ${place === null ? nothing : html`<b>${nameOf(place)}</b>`}
              ${
                scope === null
                  ? nothing
                  : html`<span class=${sick > 0 ? 'sick' : 'quiet'}>
                      ${sick > 0 ? `${String(sick)} of ${plural(scope.tensors.length, 'tensor')} with NaN` : `${plural(scope.tensors.length, 'tensor')}, no NaN`}
                    </span>`
              }
              ${phase === 'reading' ? html`<span class="quiet">reading…</span>` : nothing}
            </span>
            <button
              class="tool"
              title="Read the frame anew"
              aria-label="Read the frame anew"
              @click=${() => {
                post({ type: 'refresh' });
              }}
            >
              ↻
            </button>`
    }
  </header>`;
}

function bodyView(view: View, state: ShownWatch): TemplateResult {
  const { phase, scope, error, session } = state;
  switch (phase) {
    case 'idle':
      return html`<p class="quiet">
          Tensors of the selected frame appear here when the program stops: those with NaN first.
        </p>
        ${trackedView(view, state)}`;
    case 'unsupported':
      return html`<p>
        The session <b>${nameOf(session ?? '')}</b> is of a kind whose tensors NaNoscope cannot read. It reads Python
        and JavaScript programs.
      </p>`;
    case 'none':
      return html`<p class="quiet">No tensor can be reached from this frame.</p>
        ${trackedView(view, state)}`;
    case 'failed':
      return html`<p class="error">${visible(error?.message ?? '')}</p>
        <p class="quiet">${visible(error?.hint ?? '')}</p>`;
    case 'reading':
    case 'read':
      return scope === null
        ? html``
        : html`<ul class="tensors">
              ${repeat(scope.tensors, keyOf, (tensor) => rowView(view, state, tensor))}
            </ul>
            ${
              scope.more > 0
                ? html`<p class="quiet">${plural(scope.more, 'more tensor')} of this frame not read.</p>`
                : nothing
            }
            ${
              scope.outOfTime
                ? html`<p class="quiet">
                    The time of a stop was used up (setting <code>nanoscope.debug.timeBudgetMs</code>): what has no
                    figures was not read.
                  </p>`
                : nothing
            }
            ${trackedView(view, state)}`;
  }
}

const keyOf = (tensor: LiveTensor): string => `${tensor.path ?? ''} ${tensor.name}`;

const marks: Readonly<Record<Condition, readonly [mark: string, words: string]>> = {
  nan: ['●', 'has NaN'],
  inf: ['◐', 'has Inf'],
  unread: ['○', 'not read'],
  clean: ['', 'finite'],
};

function rowView({ post }: View, state: ShownWatch, tensor: LiveTensor): TemplateResult {
  const { path } = tensor;
  const condition = conditionOf(tensor);
  const isOpen = path !== null && path in state.open;
  const detail = path === null ? undefined : state.open[path];
  const [mark, words] = marks[condition];
  const summary = html`<span class="mark ${condition}" title=${words}>${mark}</span>
    <span class="what">${nameOf(tensor.name)} <code class="quiet">${visible(typeOf(tensor))}</code></span>
    <span class="figures">${figuresView(tensor, condition)}</span>`;
  return html`<li class=${condition}>
    <div class="row">
      ${
        path === null
          ? html`<div class="line" title="No expression reaches it">${summary}</div>`
          : html`<button
              class="line"
              aria-expanded=${isOpen ? 'true' : 'false'}
              title=${visible(`${tensor.type} · ${tensor.device}${tensor.requiresGrad ? ' · requires grad' : ''}`)}
              @click=${() => {
                post(isOpen ? { type: 'close', path } : { type: 'open', path, index: [] });
              }}
            >
              ${summary}
            </button>`
      }
    </div>
    ${
      isOpen
        ? html`<div class="detail">
            ${
              detail
                ? detailView(detail, (index) => {
                    post({ type: 'open', path, index: [...index] });
                  })
                : html`<p class="quiet">reading…</p>`
            }
            ${trackButton(post, path, path in state.tracked)}
            <button
              class="tool"
              title="Open it among the editor's own watch expressions, with all that it holds"
              @click=${() => {
                post({ type: 'addToWatch', path });
              }}
            >
              Add to Watch
            </button>
          </div>`
        : nothing
    }
  </li>`;
}

function figuresView(tensor: LiveTensor, condition: Condition): TemplateResult {
  if (tensor.sameAs !== null) return html`<span class="quiet">same as ${nameOf(tensor.sameAs)}</span>`;
  if (condition === 'unread') return html`<span class="quiet">${visible(tensor.skipped ?? '')}</span>`;
  const words = sickness(tensor);
  const range = tensor.min === null ? nothing : html`${figure(tensor.min)} … ${figure(tensor.max)}`;
  return words === ''
    ? html`<span class="quiet">${range}</span>`
    : html`<span class=${condition}>${words}</span> <span class="quiet">${range}</span>`;
}

const trackButton = (post: View['post'], path: string, on: boolean): TemplateResult =>
  html`<button
    class="tool track"
    aria-pressed=${on ? 'true' : 'false'}
    title="Keep it in the list across steps, and see when it turns sick"
    @click=${() => {
      post({ type: 'track', path, on: !on });
    }}
  >
    ${on ? 'Stop tracking' : 'Track'}
  </button>`;

/** What was tracked, newest step last; equal neighbours once. */
function trackedView({ post }: View, { tracked }: ShownWatch): TemplateResult | typeof nothing {
  const entries = Object.entries(tracked);
  if (entries.length === 0) return nothing;
  return html`<h2>Tracked</h2>
    <ul class="tracked">
      ${entries.map(
        ([path, steps]) =>
          html`<li>
            <div class="row"><span class="what">${nameOf(path)}</span>${trackButton(post, path, true)}</div>
            <ol>
              ${changesOf(steps).map(
                (step) =>
                  html`<li class=${step.condition ?? 'quiet'}>
                    <span class="quiet">${step.place === null ? '' : nameOf(step.place)}</span>
                    ${
                      step.condition === null
                        ? 'not in that frame'
                        : step.sickness === ''
                          ? step.condition === 'unread'
                            ? 'not read'
                            : 'finite'
                          : step.sickness
                    }
                  </li>`,
              )}
            </ol>
          </li>`,
      )}
    </ul>`;
}

const changesOf = (steps: ShownWatch['tracked'][string]): ShownWatch['tracked'][string] =>
  steps.filter((step, i) => {
    const before = steps[i - 1];
    return before?.condition !== step.condition || before.sickness !== step.sickness;
  });
