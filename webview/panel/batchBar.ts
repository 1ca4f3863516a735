/** Which inputs: the bar that a person changes and runs again with. */
import { html, nothing, type TemplateResult } from 'lit';
import type { BatchChoice, PanelState } from '../../src/protocol/panel';
import { isChecked, valueOf } from '../shared/controls';
import { nameOf, visible } from '../shared/text';
import { batchOf, draftOf, hasFused, lengthsProblem, padIdProblem, seedProblem } from './batch';
import type { PanelPage } from './page';
import type { BatchDraft } from './ui';

export function batchBar(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  // An empty panel has no model yet, unless it had a first look at one, or compares it.
  const isEmpty = state.phase === 'empty' && state.look === undefined && page.context.comparison === null;
  if (isEmpty || state.source === 'report') {
    return nothing;
  }
  const draft = page.context.ui.draft ?? draftOf(state.batch);
  const off = state.readOnly || state.phase === 'running';
  const set = (change: Partial<BatchDraft>): void => {
    page.change({ draft: { ...(page.context.ui.draft ?? draftOf(state.batch)), ...change } });
  };
  const batch = batchOf(draft, state.batch);
  const changed = batch !== null && JSON.stringify(batch) !== JSON.stringify(state.batch);
  const run = (): void => {
    if (batch !== null && !off) {
      page.post({ type: 'run', batch });
    }
  };
  const asksForMask = state.error?.code === 'mask-missing' || state.error?.code === 'mask-ambiguous';
  return html`<form
    class="batch"
    aria-label="Batch"
    @submit=${(event: Event) => {
      event.preventDefault();
      run();
    }}
    @keydown=${(event: KeyboardEvent) => {
      if (
        event.key === 'Enter' &&
        event.target instanceof HTMLElement &&
        event.target.localName === 'vscode-text-field'
      ) {
        run();
      }
    }}
  >
    ${dropdown(
      'Inputs',
      draft.kind,
      [
        ['lengths', 'made from lengths'],
        ['file', 'from a file'],
      ],
      off,
      (value) => {
        set({ kind: value === 'file' ? 'file' : 'lengths' });
      },
    )}
    ${draft.kind === 'file' ? fileField(page, state.batch, off) : lengthFields(draft, off, set)}
    ${dropdown(
      'Mask',
      draft.mask,
      maskOptions(state.maskInputs, draft.mask),
      off,
      (value) => {
        set({ mask: value });
      },
      asksForMask ? 'Say which input is the mask.' : null,
    )}
    ${dropdown('Compare with level', draft.level, levels, off, (value) => {
      set({ level: levels.find(([level]) => level === value)?.[0] ?? draft.level });
    })}
    ${hasFused(state) ? expandField(draft, off, set) : nothing}
    <div class="field run">
      <span class="label">${changed ? 'changed' : html`&nbsp;`}</span>
      <vscode-button id="run" ?disabled=${off || batch === null} @click=${run}
        >${state.report === null ? 'Run' : 'Run again'}</vscode-button
      >
    </div>
  </form>`;
}

const levels: readonly (readonly [BatchDraft['level'], string])[] = [
  ['disabled', 'disabled'],
  ['basic', 'basic'],
  ['extended', 'extended'],
  ['all', 'all'],
];

function lengthFields(draft: BatchDraft, off: boolean, set: (change: Partial<BatchDraft>) => void): TemplateResult {
  return html`
    ${textField('Lengths', 'lengths', draft.lengths, lengthsProblem(draft.lengths), off, (value) => {
      set({ lengths: value });
    })}
    ${dropdown(
      'Padding',
      draft.pad,
      [
        ['left', 'left'],
        ['right', 'right'],
        ['none', 'none'],
      ],
      off,
      (value) => {
        set({ pad: value === 'left' || value === 'right' ? value : 'none' });
      },
    )}
    ${textField('Seed', 'seed', draft.seed, seedProblem(draft.seed), off, (value) => {
      set({ seed: value });
    })}
    ${textField(
      'Pad id',
      'pad-id',
      draft.padId,
      padIdProblem(draft.padId),
      off,
      (value) => {
        set({ padId: value });
      },
      'automatic',
    )}
  `;
}

function expandField(draft: BatchDraft, off: boolean, set: (change: Partial<BatchDraft>) => void): TemplateResult {
  return html`<div class="field check">
    <span class="label">Fused attention</span>
    <vscode-checkbox
      id="expand-attention"
      aria-label="Write fused attention out"
      title="Show what happens inside fused attention: it is run as the plain operators that it stands for. No fix is tried then."
      ?disabled=${off}
      ?checked=${draft.expandAttention}
      .checked=${draft.expandAttention}
      @change=${(event: Event) => {
        // The toolkit also fires when its state is set.
        if (isChecked(event) !== draft.expandAttention) {
          set({ expandAttention: isChecked(event) });
        }
      }}
      >write out</vscode-checkbox
    >
  </div>`;
}

function fileField(page: PanelPage, batch: BatchChoice, off: boolean): TemplateResult {
  return html`<div class="field file">
    <span class="label">File</span>
    <span class="pick">
      <vscode-button appearance="secondary" ?disabled=${off} @click=${() => page.post({ type: 'chooseInputs' })}
        >Choose…</vscode-button
      >
      ${
        batch.file === null
          ? html`<span class="problem" role="alert">Choose an .npz, .npy, .json or .pb file.</span>`
          : nameOf(batch.file.split(/[\\/]/).at(-1) ?? batch.file)
      }
    </span>
  </div>`;
}

function textField(
  label: string,
  id: string,
  value: string,
  problem: string | null,
  off: boolean,
  change: (value: string) => void,
  placeholder = '',
): TemplateResult {
  return html`<div class="field ${id}">
    <label class="label" for=${id}>${label}</label>
    <vscode-text-field
      id=${id}
      aria-label=${problem === null ? label : `${label}: ${problem}`}
      aria-invalid=${problem !== null}
      class=${problem === null ? '' : 'invalid'}
      placeholder=${placeholder}
      .value=${value}
      ?disabled=${off}
      @input=${(event: Event) => {
        change(valueOf(event));
      }}
    ></vscode-text-field>
    ${problem === null ? nothing : html`<span class="problem" role="alert" id="${id}-problem">${problem}</span>`}
  </div>`;
}

export function dropdown(
  label: string,
  value: string,
  options: readonly (readonly [string, string])[],
  off: boolean,
  change: (value: string) => void,
  problem: string | null = null,
): TemplateResult {
  const id = label.toLowerCase().replaceAll(' ', '-');
  return html`<div class="field">
    <span class="label">${label}</span>
    <vscode-dropdown
      id=${id}
      aria-label=${label}
      class=${problem === null ? '' : 'invalid'}
      ?disabled=${off}
      .value=${value}
      @change=${(event: Event) => {
        const chosen = valueOf(event);
        // The toolkit also fires when its options are filled in.
        if (chosen !== value && options.some(([option]) => option === chosen)) {
          change(chosen);
        }
      }}
    >
      ${options.map(
        ([option, text]) =>
          html`<vscode-option value=${option} ?selected=${option === value}>${visible(text)}</vscode-option>`,
      )}
    </vscode-dropdown>
    ${problem === null ? nothing : html`<span class="problem" role="alert">${problem}</span>`}
  </div>`;
}

/** Automatic, every candidate in both polarities, and what was set before even if it is no candidate any more. */
function maskOptions(inputs: readonly string[], current: string): (readonly [string, string])[] {
  const known = inputs.flatMap((input): (readonly [string, string])[] => [
    [input, `${input} (1 = real)`],
    [`${input}:inverted`, `${input} (1 = pad)`],
  ]);
  const missing = current !== '' && !known.some(([value]) => value === current);
  return [['', 'automatic'], ...known, ...(missing ? ([[current, current]] as const) : [])];
}
