/** *History…*: the runs that were kept, opened again, named, compared with each other, and let go. */
import * as vscode from 'vscode';
import { batchText } from '../../app/render/batch';
import type { Comparison } from '../../core/compare/types';
import { NanoscopeError } from '../../core/errors';
import { compareStored, type KeptReport } from '../history/compareStored';
import type { HistoryEntry } from '../history/entry';
import type { HistoryStore } from '../history/store';
import type { OpenPanel, Panels } from '../panel/panels';
import { pickRun } from './pickRun';

export async function showHistory(panels: Panels, history: HistoryStore): Promise<void> {
  for (;;) {
    const entries = requireSome(await history.list());
    const chosen = await pickRun(entries, {
      title: vscode.l10n.t('History'),
      placeHolder: vscode.l10n.t('Press Enter to open a run again; its buttons name, compare and delete it'),
      actions: true,
    });
    if (!chosen) return;
    const { entry, action } = chosen;
    switch (action) {
      case 'open':
        await openStored(panels, history, entry);
        return;
      case 'compare':
        if (await compareWithAnother(panels, history, entry)) return;
        break;
      case 'rename':
        await rename(panels, history, entry);
        break;
      case 'delete':
        await history.remove(entry);
        break;
    }
  }
}

/** Read-only: a stored run says how it was, whatever has become of its model. */
async function openStored(panels: Panels, history: HistoryStore, entry: HistoryEntry): Promise<void> {
  const saved = await history.open(entry);
  const { session, comparing } = reveal(panels, entry.id, nameOf(entry));
  if (saved.kind === 'report') session.open(saved.report);
  else comparing.open(saved.comparison, entry.name ?? entry.about, entry.id);
}

async function rename(panels: Panels, history: HistoryStore, entry: HistoryEntry): Promise<void> {
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t('Name the Run'),
    prompt: vscode.l10n.t('Runs with a name are kept longest'),
    value: entry.name ?? '',
    ignoreFocusOut: true,
  });
  if (name !== undefined) panels.renamed(await history.rename(entry, name));
}

/** The report in front with one that was kept. */
export async function compareShownWithStored(panels: Panels, history: HistoryStore): Promise<Comparison | undefined> {
  const front = panels.current;
  const report = front?.session.current.report;
  if (!front || !report) return undefined;
  const earlier = await chooseReport(history, vscode.l10n.t('Compare the Run in Front with'), front.kept);
  if (!earlier) return undefined;
  const name = front.kept === null ? vscode.l10n.t('the shown run') : labelOf(front.kept);
  const comparison = compareStored(await kept(history, earlier), {
    report,
    name,
    facts: [batchText(report.batch)],
  });
  return show(front, history, comparison);
}

export async function compareTwoStored(panels: Panels, history: HistoryStore): Promise<Comparison | undefined> {
  const first = await chooseReport(history, vscode.l10n.t('Compare: First Run'));
  return first && compareWithAnother(panels, history, first);
}

async function compareWithAnother(
  panels: Panels,
  history: HistoryStore,
  one: HistoryEntry,
): Promise<Comparison | undefined> {
  const other = await chooseReport(history, vscode.l10n.t('Compare {0} with', nameOf(one)), one);
  if (!other) return undefined;
  const [earlier, later] = one.at <= other.at ? [one, other] : [other, one];
  const comparison = compareStored(await kept(history, earlier), await kept(history, later));
  const name = [earlier, later].map(nameOf).join(' · ');
  return show(reveal(panels, `${earlier.id}+${later.id}`, name), history, comparison);
}

async function chooseReport(
  history: HistoryStore,
  title: string,
  besides: HistoryEntry | null = null,
): Promise<HistoryEntry | undefined> {
  const entries = (await history.list()).filter(({ kind, id }) => kind === 'report' && id !== besides?.id);
  const chosen = await pickRun(requireSome(entries), {
    title,
    placeHolder: vscode.l10n.t('Which run?'),
    actions: false,
  });
  return chosen?.entry;
}

/** @throws NanoscopeError `usage` */
function requireSome(entries: readonly HistoryEntry[]): readonly HistoryEntry[] {
  if (entries.length === 0) {
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('No such run was kept yet.'),
      vscode.l10n.t('Diagnose a model; every finished run is kept.'),
    );
  }
  return entries;
}

async function kept(history: HistoryStore, entry: HistoryEntry): Promise<KeptReport> {
  const saved = await history.open(entry);
  if (saved.kind !== 'report') {
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('A comparison is not compared again.'),
      vscode.l10n.t('Choose two diagnoses.'),
    );
  }
  return { report: saved.report, name: labelOf(entry), facts: [entry.about] };
}

async function show(panel: OpenPanel, history: HistoryStore, comparison: Comparison): Promise<Comparison> {
  const entry = await history.add({ kind: 'comparison', comparison }, Date.now());
  panel.comparing.open(comparison, comparison.variants.map(({ label }) => label).join(' · '), entry?.id ?? null);
  return comparison;
}

const reveal = (panels: Panels, id: string, name: string): OpenPanel =>
  panels.reveal({ kind: 'report', from: `nanoscope-history:${id}`, name });

const nameOf = ({ name, model, at }: HistoryEntry): string => name ?? `${model}, ${timeOf(at)}`;

const labelOf = ({ name, at }: HistoryEntry): string => name ?? timeOf(at);

const timeOf = (at: number): string =>
  new Date(at).toLocaleString(vscode.env.language, { dateStyle: 'short', timeStyle: 'medium' });
