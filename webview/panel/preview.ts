/** What a fix would change, drawn: the few nodes around each distinct edit, before and after. */
import { html, nothing, svg, type TemplateResult } from 'lit';
import type { FixPreview, PreviewGraph, PreviewPlace, PreviewStep } from '../../src/core/preview/types';
import type { PanelState } from '../../src/protocol/panel';
import { sameText, shorter } from '../../src/app/render/preview';
import { visible } from '../shared/text';
import { applyButton } from './fixActions';
import { draw, type Drawing } from './graphLayout';
import type { PanelPage } from './page';

export function previewView(page: PanelPage, state: PanelState): TemplateResult | typeof nothing {
  const { preview } = state;
  if (preview === null) {
    return nothing;
  }
  const close = (): void => {
    page.post({ type: 'closePreview' });
    document.querySelector<HTMLElement>(`[data-fix="${CSS.escape(preview.fixId)}"] .preview-button`)?.focus();
  };
  const several = preview.steps.length > 1;
  return html`<section
    id="preview"
    class="preview"
    aria-labelledby="preview-title"
    @keydown=${(event: KeyboardEvent) => {
      if (event.key === 'Escape') close();
    }}
  >
    <div class="previewhead">
      <h2 id="preview-title" tabindex="-1">What it would change: ${titleOf(preview)}</h2>
      ${legend(preview)}
      <span class="buttons">
        ${applyButton(page, state, preview.fixId, titleOf(preview), true)}
        <vscode-button appearance="secondary" @click=${close}>Close</vscode-button>
      </span>
    </div>
    ${preview.steps.map((step, i) => stepView(step, several ? i + 1 : null))}
    ${preview.notes.map((note) => html`<p class="quiet">${visible(note)}</p>`)}
  </section>`;
}

const titleOf = ({ steps }: FixPreview): string => steps.map(({ title }) => visible(title)).join(', then ');

function stepView(step: PreviewStep, number: number | null): TemplateResult {
  return html`
    ${number === null ? nothing : html`<h3>${number}. ${visible(step.title)}</h3>`}
    <p class="explanation">${visible(step.note)} ${visible(step.effect)}</p>
    ${step.places.slice(0, mostPlaces).map((place) => placeView(step, place))}
    ${
      step.places.length > mostPlaces
        ? html`<p class="quiet">
            ${step.places.length - mostPlaces} more places that are not alike: the terminal lists them with --preview.
          </p>`
        : nothing
    }
  `;
}

function placeView(step: PreviewStep, place: PreviewPlace): TemplateResult {
  const shorten = shorter(step.fixId, place.label);
  const changes = place.after.nodes.flatMap(({ op, changes: own }) => own.map((change) => `${op}: ${change}`));
  return html`<figure class="place">
    <figcaption>
      ${place.layer === null ? nothing : html`<span class="layer">layer ${place.layer}</span> `}<bdi class="name"
        >${visible(place.label)}</bdi
      >
      ${place.same.count === 0 ? nothing : html`<span class="quiet">${sameText(place.same)}</span>`}
    </figcaption>
    <div class="sides">${side('before', place.before, shorten)} ${side('after', place.after, shorten)}</div>
    ${
      changes.length === 0
        ? nothing
        : html`<ul class="changes quiet">
            ${changes.map((change) => html`<li>~ ${visible(change)}</li>`)}
          </ul>`
    }
  </figure>`;
}

function side(when: 'before' | 'after', graph: PreviewGraph, shorten: (name: string) => string): TemplateResult {
  return html`<div class="side">
    <h4>${when}</h4>
    ${
      graph.nodes.length === 0
        ? html`<p class="quiet">nothing</p>`
        : graph.nodes.length > mostDrawn
          ? html`<p class="quiet">
              ${graph.nodes.length} nodes, too many to draw: the terminal lists them with --preview.
            </p>`
          : picture(drawn(graph, shorten), inWords(when, graph))
    }
  </div>`;
}

const mostPlaces = 12;
/** More than that is no picture, and takes long to lay out. */
const mostDrawn = 80;

/** Every draw of the page asks; the layout follows from the preview alone. */
const kept = new WeakMap<PreviewGraph, Drawing>();
function drawn(graph: PreviewGraph, shorten: (name: string) => string): Drawing {
  const drawing = kept.get(graph) ?? draw(graph, shorten);
  kept.set(graph, drawing);
  return drawing;
}

function picture({ width, height, boxes, lines }: Drawing, words: string): TemplateResult {
  return html`<svg
    class="graph"
    role="img"
    aria-label=${words}
    width=${width}
    height=${height}
    viewBox="0 0 ${width} ${height}"
  >
    ${lines.map(
      ({ points, state }) =>
        svg`<polyline class=${state} points=${points.map(({ x, y }) => `${String(x)},${String(y)}`).join(' ')}></polyline>`,
    )}
    ${boxes.map(
      ({ kind, state, x, y, width: w, height: h, title, detail, tip }) => svg`<g class="${kind} ${state}">
        <title>${tip}</title>
        <rect x=${x} y=${y} width=${w} height=${h} rx=${kind === 'node' ? 3 : h / 2}></rect>
        <text class="op" x=${x + w / 2} y=${y + (detail === '' ? h / 2 : h / 2 - 7)}>${title}</text>
        ${detail === '' ? nothing : svg`<text class="detail" x=${x + w / 2} y=${y + h / 2 + 9}>${detail}</text>`}
      </g>`,
    )}
  </svg>`;
}

/** `After: added Where reads open, scores, makes masked; …` for those who do not see the picture. */
function inWords(when: 'before' | 'after', { nodes }: PreviewGraph): string {
  const told = nodes.map(({ state, op, inputs, outputs }) => {
    const names = (values: typeof inputs): string =>
      values.map(({ name, text }) => visible(text ?? name)).join(', ') || 'nothing';
    return `${state === 'kept' ? '' : `${state} `}${visible(op)} reads ${names(inputs)}, makes ${names(outputs)}`;
  });
  return `${when === 'before' ? 'Before' : 'After'}: ${told.join('; ')}`;
}

/** Only the marks that occur. */
function legend({ steps }: FixPreview): TemplateResult {
  const states = new Set(
    steps.flatMap(({ places }) =>
      places.flatMap(({ before, after }) => [...before.nodes, ...after.nodes].map(({ state }) => state)),
    ),
  );
  const words = [
    ['added', '+ added'],
    ['removed', '− removed'],
    ['changed', '~ changed'],
  ] as const;
  return html`<span class="legend"
    >${words.map(([state, text]) => (states.has(state) ? html`<span class=${state}>${text}</span> ` : nothing))}</span
  >`;
}
