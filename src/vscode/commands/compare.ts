/** *Compare…*: of which model, or of which two runs, and what is varied. */
import * as vscode from 'vscode';
import { combined, labelOf, type Variation } from '../../core/compare/variations';
import type { Comparison } from '../../core/compare/types';
import { isBuiltin } from '../../core/models';
import type { FixResult } from '../../core/report';
import { NanoscopeError } from '../../core/errors';
import { mayBeApplied } from '../../protocol/offered';
import type { HistoryStore } from '../history/store';
import type { Panels } from '../panel/panels';
import { subjectName, type Subject } from '../panel/subject';
import { plainText } from '../plainText';
import { chooseBuiltIn } from './chooseBuiltIn';
import { chooseModelFile } from './chooseModel';
import { chooseVariations } from './chooseVariations';
import { compareShownWithStored, compareTwoStored } from './history';

type Runnable = Exclude<Subject, { kind: 'report' }>;
type Start = 'shown-model' | 'file' | 'two-files' | 'built-in' | 'shown-run' | 'stored-runs';

/** @returns `undefined` when dismissed, cancelled or failed (the panel says why) */
export async function compareModels(panels: Panels, history: HistoryStore): Promise<Comparison | undefined> {
  const start = await chooseStart(panels);
  switch (start) {
    case undefined:
      return undefined;
    case 'shown-run':
      return compareShownWithStored(panels, history);
    case 'stored-runs':
      return compareTwoStored(panels, history);
    default:
      return compareVariants(panels, await subjectsOf(panels, start));
  }
}

async function chooseStart(panels: Panels): Promise<Start | undefined> {
  const front = panels.current?.session;
  const { isTrusted } = vscode.workspace;
  const shown = front && front.subject.kind !== 'report' ? front.current.modelName : null;
  const runs: readonly (vscode.QuickPickItem & { readonly start?: Start })[] = [
    ...(shown === null
      ? []
      : [
          {
            label: `$(pulse) ${plainText(shown, 100)}`,
            description: vscode.l10n.t('the model in front'),
            start: 'shown-model' as const,
          },
        ]),
    { label: `$(file) ${vscode.l10n.t('A model file…')}`, start: 'file' },
    {
      label: `$(files) ${vscode.l10n.t('Two model files…')}`,
      description: vscode.l10n.t('such as two exports, or before and after'),
      start: 'two-files',
    },
    { label: `$(beaker) ${vscode.l10n.t('A built-in model…')}`, start: 'built-in' },
    { label: vscode.l10n.t('Without a run'), kind: vscode.QuickPickItemKind.Separator },
  ];
  const stored: readonly (vscode.QuickPickItem & { readonly start: Start })[] = [
    ...(front?.current.report
      ? [{ label: `$(history) ${vscode.l10n.t('The run in front with a stored one…')}`, start: 'shown-run' as const }]
      : []),
    { label: `$(history) ${vscode.l10n.t('Two stored runs…')}`, start: 'stored-runs' },
  ];
  const chosen = await vscode.window.showQuickPick([...(isTrusted ? runs : []), ...stored], {
    title: vscode.l10n.t('Compare'),
    placeHolder: vscode.l10n.t('What shall be compared?'),
  });
  return chosen?.start;
}

async function subjectsOf(
  panels: Panels,
  start: Exclude<Start, 'shown-run' | 'stored-runs'>,
): Promise<readonly Runnable[]> {
  const title = vscode.l10n.t('Compare');
  const action = vscode.l10n.t('Compare');
  switch (start) {
    case 'shown-model': {
      const subject = panels.current?.session.subject;
      return subject && subject.kind !== 'report' ? [subject] : [];
    }
    case 'file':
      return chooseModelFile({ title, action });
    case 'two-files': {
      const first = await chooseModelFile({ title: vscode.l10n.t('Compare: First Model'), action });
      const second =
        first.length === 0 ? [] : await chooseModelFile({ title: vscode.l10n.t('Compare: Second Model'), action });
      return second.length === 0 ? [] : [...first, ...second];
    }
    case 'built-in': {
      const model = await chooseBuiltIn({ title: vscode.l10n.t('Compare: Built-in Model'), action });
      return model === undefined ? [] : [{ kind: 'built-in', model }];
    }
  }
}

async function compareVariants(panels: Panels, subjects: readonly Runnable[]): Promise<Comparison | undefined> {
  const [first, ...others] = subjects;
  if (!first) return undefined;
  const known = panels.find(first);
  const variations = await chooseVariations({
    builtin: isBuiltin(first.model) ? first.model : null,
    fixes: others.length > 0 ? [] : fixIds(known?.session.current.report?.fixes),
    optional: others.length > 0,
  });
  if (!variations) return undefined;
  const { session, comparing } = panels.reveal(first);
  const { model, fixes: _, ...base } = session.diagnoseRequest();
  const models = [model, ...others.map((other) => other.model)];
  const labels = labelsOf(models, variations);
  return comparing.run({ models, base, variations, labels, title: titleOf(models, variations) });
}

/** @throws NanoscopeError `usage` for more variants than can be compared, or only one */
function labelsOf(models: readonly string[], variations: readonly Variation[]): string[] {
  const settings = combined(variations);
  const labels = models.flatMap((model) =>
    settings.map((own) =>
      [models.length > 1 ? nameOf(model) : '', labelOf(own)].filter((part) => part !== '').join(', '),
    ),
  );
  if (labels.length < 2)
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('There is only one variant to run.'),
      vscode.l10n.t('Choose two values at least.'),
    );
  return labels;
}

const titleOf = (models: readonly string[], variations: readonly Variation[]): string =>
  [
    ...(models.length > 1 ? [models.map(nameOf).join(', ')] : []),
    ...variations.map(({ key, values }) => `${key} ${values.join(key === 'lengths' ? ' / ' : ', ')}`),
  ].join('; ');

const nameOf = (model: string): string =>
  subjectName(isBuiltin(model) ? { kind: 'built-in', model } : { kind: 'file', model });

/** What can be written into the model, as the last diagnosis found. */
const fixIds = (fixes: readonly FixResult[] | undefined): string[] =>
  (fixes ?? []).filter(mayBeApplied).map(({ id }) => id);
