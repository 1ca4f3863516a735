/**
 * Hover without a debug session: names of modules and tensors in Python, and names of tensors between quotes anywhere,
 * show what the last diagnosis or trace says of them.
 */
import * as vscode from 'vscode';
import { nameAt } from '../app/names/nameAt';
import { nameHover } from '../app/names/nameHover';
import type { Report } from '../core/report';

/** Longer lines are no source that somebody wrote. */
const longestLine = 10_000;

/** @param last the report that a person saw last; null before there is one */
export const registerNameHover = (last: () => Report | null): vscode.Disposable =>
  vscode.languages.registerHoverProvider('*', {
    provideHover: (document, { line, character }) => {
      const report = last();
      // While a program is debugged, what its variables hold is shown in their place.
      if (report === null || vscode.debug.activeDebugSession !== undefined) return undefined;
      const { text } = document.lineAt(line);
      if (text.length > longestLine) return undefined;
      const name = nameAt(text, character, document.languageId === 'python');
      const card = name && nameHover(report, name);
      return name && card
        ? new vscode.Hover(new vscode.MarkdownString(card), new vscode.Range(line, name.from, line, name.to))
        : undefined;
    },
  });
