/** What is going on: nothing yet, running, failed, cancelled, out of date, only to be read. */
import { html, nothing, type TemplateResult } from 'lit';
import type { PanelState } from '../../src/protocol/panel';
import { forPanel } from '../../src/app/render/ways';
import { cssVars } from '../shared/directives';
import { visible } from '../shared/text';
import type { PanelPage } from './page';

export function statusView(page: PanelPage, state: PanelState): TemplateResult {
  return html`${readOnlyView(state)} ${staleView(page, state)} ${phaseView(page, state)}`;
}

function phaseView(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  switch (state.phase) {
    case 'empty':
      if (state.look !== undefined) return firstLookView(state);
      return page.context.comparison === null ? emptyView(page, state) : comparedOnlyView;
    case 'running':
      return runningView(page, state);
    case 'error':
      return errorView(page, state);
    case 'cancelled':
      return html`<section class="status notice" role="status">
        <p>
          <strong>Cancelled.</strong>
          ${
            state.report === null
              ? 'Nothing was measured.'
              : 'What had been measured until then is shown; fixes may be missing.'
          }
        </p>
      </section>`;
    case 'done':
      return nothing;
  }
}

function emptyView(page: PanelPage, state: PanelState): TemplateResult {
  return html`<section class="status empty">
    <h1>See where NaN begins</h1>
    <p>
      NaNoscope runs an attention model on a padded batch and shows, layer by layer and token by token, where NaN is
      born, how it spreads and which fix heals it.
    </p>
    ${
      state.readOnly
        ? nothing
        : html`<p class="buttons">
            <vscode-button @click=${() => page.post({ type: 'start', what: 'file' })}>Diagnose model…</vscode-button>
            <vscode-button appearance="secondary" @click=${() => page.post({ type: 'start', what: 'built-in' })}
              >Try a built-in model…</vscode-button
            >
          </p>`
    }
    <p class="quiet">
      Or right-click an <code>.onnx</code> file in the Explorer and choose <em>Diagnose with NaNoscope</em>.
    </p>
  </section>`;
}

/** A model that was compared and not diagnosed. */
const comparedOnlyView = html`<section class="status notice" role="status">
  <p>
    <strong>Not diagnosed yet.</strong> Variants of this model were compared with the batch below; run it to see where
    NaN is born, why, and what heals it.
  </p>
</section>`;

/** A model that was looked at and not run: what follows says what its masks alone can tell. */
function firstLookView({ look }: PanelState): TemplateResult {
  return html`<section class="status notice" role="status">
    <p>
      <strong>Not run yet.</strong>
      ${
        look === undefined || look === null
          ? 'Which input is the mask is not clear, so nothing can be said of padding before a run: say it under “Mask”, or run and be asked.'
          : look.staticLook.masks.length === 0
            ? 'No attention was found outside of If, Loop and Scan, so there is no mask to look at; a run looks there too.'
            : 'Below is what the masks alone tell of padding. A run shows where NaN is born.'
      }
    </p>
  </section>`;
}

function runningView(page: PanelPage, state: PanelState): TemplateResult {
  const fraction = state.progress?.fraction ?? null;
  const percent = fraction === null ? null : Math.round(Math.min(1, Math.max(0, fraction)) * 100);
  return html`<section class="status running ${state.report === null ? '' : 'afloat'}">
    <div class="runline">
      <vscode-progress-ring aria-hidden="true"></vscode-progress-ring>
      <p role="status">${visible(state.progress?.text ?? 'Starting…')}</p>
      <vscode-button appearance="secondary" @click=${() => page.post({ type: 'cancel' })}>Cancel</vscode-button>
    </div>
    <div
      class="progress ${percent === null ? 'unknown' : ''}"
      role="progressbar"
      aria-label="Progress"
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${percent ?? nothing}
      ${cssVars({ '--done': `${String(percent ?? 0)}%` })}
    ></div>
  </section>`;
}

function errorView(page: PanelPage, state: PanelState): TemplateResult {
  const error = state.error;
  // The only type that has a way out so far: a model in bfloat16, which can be run in float32.
  const castable = error?.code === 'unsupported-type' && error.message.includes('bfloat16') && !state.readOnly;
  return html`<section class="status error" tabindex="-1" role="alert">
    <h1>${visible(forPanel(error?.message ?? 'The run failed.'))}</h1>
    <p>${visible(forPanel(error?.hint ?? ''))}</p>
    <p class="buttons">
      ${
        castable
          ? html`<vscode-button
              id="run-cast"
              @click=${() => page.post({ type: 'run', batch: { ...state.batch, cast: 'float32' } })}
              >Run in float32</vscode-button
            >`
          : nothing
      }
      <vscode-button appearance="secondary" @click=${() => page.post({ type: 'openLog' })}>Open log</vscode-button>
      <span class="quiet">${visible(error?.code ?? '')}</span>
    </p>
  </section>`;
}

function staleView(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  return state.stale && state.phase !== 'running'
    ? html`<section class="status notice warn" role="status">
        <p><strong>The model file changed.</strong> What is shown belongs to the file as it was.</p>
        ${
          state.readOnly
            ? nothing
            : html`<vscode-button @click=${() => page.post({ type: 'run', batch: state.batch })}
                >Run again</vscode-button
              >`
        }
      </section>`
    : nothing;
}

function readOnlyView(state: PanelState): TemplateResult | typeof nothing {
  return state.readOnly
    ? html`<section class="status notice" role="note">
        <p>
          ${
            state.report?.model.source === 'live'
              ? html`<strong>Recorded from a running program.</strong> To try fixes, export its model and diagnose the
                  file.`
              : state.source === 'report'
                ? html`<strong>Saved report.</strong> It shows a run of the past; to run the model, diagnose its file.`
                : html`<strong>Read only.</strong> Running a model needs a trusted workspace.`
          }
        </p>
      </section>`
    : nothing;
}
