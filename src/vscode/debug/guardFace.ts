/** What the editor itself shows of break on first NaN: an item in the status bar, and the view when one is found. */
import * as vscode from 'vscode';
import * as z from 'zod';
import { hitPlace } from '../../app/render/hit';
import { guardLevels, type GuardLevel, type GuardView } from '../../core/live/guard';
import { commandIds, viewIds } from '../contributions';
import { plainText } from '../plainText';

const memoryKey = 'breakOnFirstNaN';
const kept = z.object({ on: z.boolean(), level: z.enum(guardLevels) });

export class GuardFace implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('nanoscope.guard', vscode.StatusBarAlignment.Left, 10);
  private found = 0;

  constructor(private readonly memory: vscode.Memento) {
    this.item.name = vscode.l10n.t('Break on First NaN');
    this.item.command = commandIds.breakOnFirstNaN;
  }

  /** As breakpoints are, it is kept with the workspace. */
  remembered(): { readonly on: boolean; readonly level: GuardLevel } {
    return kept.safeParse(this.memory.get(memoryKey)).data ?? { on: false, level: 'ops' };
  }

  show({ on, level, hits, watching, problem }: GuardView): void {
    const before = this.remembered();
    if (before.on !== on || before.level !== level) void this.memory.update(memoryKey, { on, level });
    const [hit] = hits;
    this.item.text = `$(debug-breakpoint-conditional) ${vscode.l10n.t('First NaN')}`;
    this.item.tooltip = plainText(
      [
        hit ? vscode.l10n.t('The first NaN began at {0}.', hitPlace(hit)) : '',
        watching.length > 0
          ? vscode.l10n.t('Watched: {0}.', watching.join(', '))
          : vscode.l10n.t('Programs that are debugged stop where their first NaN begins.'),
        problem ?? '',
        vscode.l10n.t('Click to switch it off.'),
      ]
        .filter((part) => part !== '')
        .join(' '),
    );
    if (on) this.item.show();
    else this.item.hide();
    // The editor only says that the program stopped: the view says why.
    if (hits.length > this.found) {
      void vscode.commands.executeCommand(`${viewIds.tensors}.focus`, { preserveFocus: true });
    }
    this.found = hits.length;
  }

  dispose(): void {
    this.item.dispose();
  }
}
