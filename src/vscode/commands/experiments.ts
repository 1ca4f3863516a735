/** *Run Experiment…*: what the investigation tried, run again and shown as a page. */
import * as vscode from 'vscode';
import { experimentNamed } from '../../app/experiments/experiment';
import { markdownExperiment } from '../../app/render/experiments/markdown';
import { experiments, type ExperimentId } from '../../core/experiments/catalog';
import type { ExperimentResult } from '../../core/experiments/types';
import { cancellable } from '../cancellable';
import { requireTrust } from '../log';
import type { Pages } from '../pages';
import type { Workshop } from '../work';

/**
 * @param name of one experiment; asks when it is not a text
 * @param layers of the model, 61 when it is not a number
 * @returns what was found; `undefined` when dismissed or cancelled
 */
export async function runExperiment(
  workshop: Workshop,
  pages: Pages,
  name?: unknown,
  layers?: unknown,
): Promise<readonly ExperimentResult[] | undefined> {
  requireTrust();
  const ids = typeof name === 'string' ? [experimentNamed(name)] : await ask();
  const [first] = ids;
  if (first === undefined) return undefined;
  const request = { ids, ...(typeof layers === 'number' && { layers }) };
  const results = await cancellable(vscode.l10n.t('NaNoscope'), (onProgress, signal) =>
    workshop.experiments(request, { onProgress }, signal),
  );
  if (!results) return undefined;
  const title = ids.length === 1 ? first : vscode.l10n.t('{0} experiments', String(ids.length));
  await pages.show(results.map(markdownExperiment).join('\n\n---\n\n'), title);
  return results;
}

async function ask(): Promise<readonly ExperimentId[]> {
  const chosen = await vscode.window.showQuickPick(
    experiments.map(({ id, title, question }) => ({ label: id, description: title, detail: question, id })),
    {
      title: vscode.l10n.t('Run Experiment'),
      placeHolder: vscode.l10n.t('What shall be tried again?'),
      canPickMany: true,
      matchOnDescription: true,
      matchOnDetail: true,
    },
  );
  return chosen?.map(({ id }) => id) ?? [];
}
