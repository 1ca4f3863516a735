/** *Diagnose Built-in Model…*: which one, and with which options. */
import * as vscode from 'vscode';
import type { Report } from '../../core/report';
import { requireTrust } from '../log';
import type { Panels } from '../panel/panels';
import { chooseBuiltIn } from './chooseBuiltIn';

export async function diagnoseBuiltIn(panels: Panels): Promise<Report | undefined> {
  requireTrust();
  const uri = await chooseBuiltIn({
    title: vscode.l10n.t('Diagnose Built-in Model'),
    action: vscode.l10n.t('Diagnose'),
  });
  if (uri === undefined) {
    return undefined;
  }
  const { session } = panels.reveal({ kind: 'built-in', model: uri });
  return session.run();
}
