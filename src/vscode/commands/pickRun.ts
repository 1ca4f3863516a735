/** A list of the runs that were kept, by day, with buttons on each. */
import * as vscode from 'vscode';
import type { HistoryEntry } from '../history/entry';
import { plainText } from '../plainText';

export type RunAction = 'open' | 'compare' | 'rename' | 'delete';

export interface PickWords {
  readonly title: string;
  readonly placeHolder: string;
  /** Whether more than choosing can be done. */
  readonly actions: boolean;
}

interface RunItem extends vscode.QuickPickItem {
  readonly entry?: HistoryEntry;
}
interface RunButton extends vscode.QuickInputButton {
  readonly action: RunAction;
}

/** @returns `undefined` when dismissed */
export function pickRun(
  entries: readonly HistoryEntry[],
  { title, placeHolder, actions }: PickWords,
): Promise<{ readonly entry: HistoryEntry; readonly action: RunAction } | undefined> {
  const pick = vscode.window.createQuickPick<RunItem>();
  pick.title = title;
  pick.placeholder = placeHolder;
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  // While the list is read, the page that was in front may take the focus back.
  pick.ignoreFocusOut = true;
  pick.items = byDay(entries, actions);
  return new Promise((resolve) => {
    const end = (action: RunAction, entry: HistoryEntry | undefined): void => {
      resolve(entry && { entry, action });
      pick.hide();
    };
    pick.onDidAccept(() => {
      end('open', pick.selectedItems[0]?.entry);
    });
    pick.onDidTriggerItemButton(({ item, button }) => {
      end((button as RunButton).action, item.entry);
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
  });
}

function byDay(entries: readonly HistoryEntry[], actions: boolean): RunItem[] {
  const items: RunItem[] = [];
  let day = '';
  for (const entry of entries) {
    const own = new Date(entry.at).toLocaleDateString(vscode.env.language, { dateStyle: 'full' });
    if (own !== day) items.push({ label: own, kind: vscode.QuickPickItemKind.Separator });
    day = own;
    items.push(itemOf(entry, actions));
  }
  return items;
}

function itemOf(entry: HistoryEntry, actions: boolean): RunItem {
  const time = new Date(entry.at).toLocaleTimeString(vscode.env.language, { timeStyle: 'short' });
  const { kind, name, model, about, verdict } = entry;
  const label = plainText(name ?? model.replace(/^builtin:/, ''), 100);
  return {
    label: `$(${kind === 'report' ? 'pulse' : 'git-compare'}) ${label}`,
    description: plainText([time, ...(name === null ? [] : [model]), about].join(' · '), 200),
    detail: plainText(verdict, 300),
    entry,
    ...(actions ? { buttons: buttonsOf(kind) } : {}),
  };
}

function buttonsOf(kind: HistoryEntry['kind']): RunButton[] {
  const button = (icon: string, tooltip: string, action: RunAction): RunButton => ({
    iconPath: new vscode.ThemeIcon(icon),
    tooltip,
    action,
  });
  return [
    ...(kind === 'report' ? [button('git-compare', vscode.l10n.t('Compare with Another Run…'), 'compare')] : []),
    button('edit', vscode.l10n.t('Name…'), 'rename'),
    button('trash', vscode.l10n.t('Delete'), 'delete'),
  ];
}
