/** What most of the page depends on: everything but scrolling and the pointer, which change sixty times a second. */
import { guard } from 'lit/directives/guard.js';
import type { TemplateResult } from 'lit';
import type { PanelPage } from './page';
import type { UiState } from './ui';

/** Only the tables read these. */
const moving: ReadonlySet<keyof UiState> = new Set<keyof UiState>([
  'active',
  'pageTop',
  'tableTop',
  'tableLeft',
  'compareActive',
  'compareTop',
  'compareLeft',
]);

/** Draws anew only when the state of the host or a setting of the person has changed. */
export function still(page: PanelPage, view: () => TemplateResult): unknown {
  const { state, comparison, ui } = page.context;
  const settings = Object.entries(ui).flatMap(([key, value]) => (moving.has(key as keyof UiState) ? [] : [value]));
  return guard([state, comparison, ...settings], view);
}
