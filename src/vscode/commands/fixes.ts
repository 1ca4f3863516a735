/** The fixes of the panel in front, for the keyboard: choose one, see what it changes, apply it, take it back. */
import * as vscode from 'vscode';
import { whyText } from '../../app/render/fixes';
import { NanoscopeError } from '../../core/errors';
import type { FixResult } from '../../core/report';
import { hasSnippet, offeredFixes } from '../../protocol/offered';
import type { Panels } from '../panel/panels';
import type { DiagnosisSession } from '../panel/session';
import { copySnippetOf } from '../panel/copySnippet';
import { plainText } from '../plainText';

export async function applyFix(panels: Panels): Promise<void> {
  const session = inFront(panels);
  const fix = await chooseFix(session, offeredFixes(session.current), vscode.l10n.t('Apply Fix'));
  if (!fix) {
    return;
  }
  const how = await chooseHow(session, fix);
  switch (how) {
    case 'preview':
      return session.preview(fix.id);
    case 'copy':
      await session.apply(fix.id);
      return;
    case 'in-place':
      await session.apply(fix.id, { inPlace: true });
      return;
    case 'snippet':
      return copySnippetOf(session, fix.id);
    case undefined:
  }
}

export async function undoFix(panels: Panels): Promise<void> {
  await inFront(panels).undo();
}

/** @param fixId asks when absent */
export async function copyFixSnippet(panels: Panels, fixId?: unknown): Promise<void> {
  const session = inFront(panels);
  const offered = (session.current.report?.fixes ?? []).filter(hasSnippet);
  const id =
    typeof fixId === 'string' ? fixId : (await chooseFix(session, offered, vscode.l10n.t('Copy Fix as PyTorch')))?.id;
  if (id !== undefined) {
    await copySnippetOf(session, id);
  }
}

/** @throws NanoscopeError `usage` when no panel has a model that was run */
function inFront(panels: Panels): DiagnosisSession {
  const session = panels.current?.session;
  if (!session?.current.report) {
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('There is no diagnosis yet.'),
      vscode.l10n.t('Diagnose a model first.'),
    );
  }
  return session;
}

async function chooseFix(
  session: DiagnosisSession,
  fixes: readonly FixResult[],
  title: string,
): Promise<FixResult | undefined> {
  if (fixes.length === 0) {
    throw new NanoscopeError(
      'usage',
      vscode.l10n.t('There is no fix to choose.'),
      session.current.applied === null
        ? vscode.l10n.t('Try the fixes first; the panel says why where none applies.')
        : vscode.l10n.t('Undo the fix that is applied first.'),
    );
  }
  const chosen = await vscode.window.showQuickPick(
    fixes.map((fix) => ({
      label: plainText(fix.title, 200),
      description: fix.verdict,
      detail: plainText(whyText(fix), 200),
      fix,
    })),
    {
      title,
      placeHolder: vscode.l10n.t('Which fix? The recommended one is first.'),
      matchOnDescription: true,
    },
  );
  return chosen?.fix;
}

async function chooseHow(
  session: DiagnosisSession,
  fix: FixResult,
): Promise<'preview' | 'copy' | 'in-place' | 'snippet' | undefined> {
  const { canChangeInPlace } = session.current;
  const chosen = await vscode.window.showQuickPick(
    [
      { label: vscode.l10n.t('Show what it changes'), how: 'preview' as const },
      { label: vscode.l10n.t('Apply to a copy'), how: 'copy' as const },
      ...(canChangeInPlace
        ? [
            {
              label: vscode.l10n.t('Change the model itself'),
              description: vscode.l10n.t('the original stays beside it'),
              how: 'in-place' as const,
            },
          ]
        : []),
      { label: vscode.l10n.t('Copy as lines of PyTorch'), how: 'snippet' as const },
    ],
    { title: plainText(fix.title, 200), placeHolder: vscode.l10n.t('What shall be done?') },
  );
  return chosen?.how;
}
