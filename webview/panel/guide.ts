/** "What is this?": the field guide's entry on a finding's mechanism, where the finding is. */
import type { TemplateResult } from 'lit';
import { guideEntry, type AnyMechanism } from '../shared/guide';
import { foldable } from './foldable';
import type { PanelPage } from './page';

/** @param id of the finding: each keeps its own entry open or closed */
export const guideView = (page: PanelPage, mechanism: AnyMechanism, id: string): TemplateResult =>
  foldable(page, `guide-${id}`, 'What is this?', () => guideEntry(mechanism));
