/** The lines where NaN was born, or crossed, in the last diagnosis or trace: a mark beside them, words behind them. */
import * as vscode from 'vscode';
import type { LineNote } from '../../app/source/lineNotes';
import { plainText } from '../plainText';
import type { LastRun } from './lastRun';

/** Not a dot, which is a breakpoint. */
const diamond = (colour: string): vscode.Uri =>
  vscode.Uri.parse(
    `data:image/svg+xml;base64,${Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M8 3 13 8 8 13 3 8Z" fill="none" stroke="${colour}" stroke-width="1.6"/></svg>`,
    ).toString('base64')}`,
  );

const looks = (colour: string, theme: string): vscode.DecorationRenderOptions => ({
  isWholeLine: true,
  gutterIconPath: diamond(colour),
  gutterIconSize: 'contain',
  overviewRulerColor: new vscode.ThemeColor(theme),
  overviewRulerLane: vscode.OverviewRulerLane.Right,
  after: { margin: '0 0 0 3em', color: new vscode.ThemeColor(theme), fontStyle: 'italic' },
});

/** @param changes tell that there is something else to show */
export function registerBornLines(lastRun: LastRun, changes: readonly vscode.Event<unknown>[]): vscode.Disposable {
  const born = vscode.window.createTextEditorDecorationType(looks('#e51400', 'editorError.foreground'));
  const crossed = vscode.window.createTextEditorDecorationType(looks('#bf8803', 'editorWarning.foreground'));
  const show = (editors: readonly vscode.TextEditor[]): void => {
    for (const editor of editors) {
      const { document } = editor;
      const notes =
        document.uri.scheme === 'file' ? lastRun.notes(document).filter(({ line }) => line <= document.lineCount) : [];
      for (const [kind, isBorn] of [
        [born, true],
        [crossed, false],
      ] as const)
        editor.setDecorations(
          kind,
          notes.filter((note) => note.born === isBorn).map((note) => decoration(document, note)),
        );
    }
  };
  const showAll = (): void => {
    show(vscode.window.visibleTextEditors);
  };
  showAll();
  return vscode.Disposable.from(
    born,
    crossed,
    vscode.window.onDidChangeVisibleTextEditors(show),
    ...changes.map((change) => change(showAll)),
  );
}

function decoration(document: vscode.TextDocument, { line, note, card }: LineNote): vscode.DecorationOptions {
  return {
    range: document.lineAt(Math.max(0, line - 1)).range,
    renderOptions: { after: { contentText: plainText(note, 160) } },
    hoverMessage: new vscode.MarkdownString(card),
  };
}
