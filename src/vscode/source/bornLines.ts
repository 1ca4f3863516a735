/** The lines where NaN was born, or crossed, in the last diagnosis or trace: a mark beside them, words behind them. */
import * as vscode from 'vscode';
import { lineNotes, type LineNote } from '../../app/source/lineNotes';
import type { Report } from '../../core/report';
import { plainText } from '../plainText';

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

/** @param reported tells that there is another report to show, or none */
export function registerBornLines(last: () => Report | null, reported: vscode.Event<void>): vscode.Disposable {
  const born = vscode.window.createTextEditorDecorationType(looks('#e51400', 'editorError.foreground'));
  const crossed = vscode.window.createTextEditorDecorationType(looks('#bf8803', 'editorWarning.foreground'));
  let notes: readonly LineNote[] = [];
  let of: Report | null = null;

  const show = (editors: readonly vscode.TextEditor[]): void => {
    const report = last();
    if (report !== of) notes = report ? lineNotes(report) : [];
    of = report;
    for (const editor of editors) {
      const { uri, lineCount } = editor.document;
      const here =
        uri.scheme === 'file' ? notes.filter((note) => note.file === uri.fsPath && note.line <= lineCount) : [];
      for (const [kind, isBorn] of [
        [born, true],
        [crossed, false],
      ] as const)
        editor.setDecorations(
          kind,
          here.filter((note) => note.born === isBorn).map((note) => decoration(editor.document, note)),
        );
    }
  };
  show(vscode.window.visibleTextEditors);
  return vscode.Disposable.from(
    born,
    crossed,
    vscode.window.onDidChangeVisibleTextEditors(show),
    reported(() => {
      show(vscode.window.visibleTextEditors);
    }),
  );
}

function decoration(document: vscode.TextDocument, { line, note, card }: LineNote): vscode.DecorationOptions {
  return {
    range: document.lineAt(Math.max(0, line - 1)).range,
    renderOptions: { after: { contentText: plainText(note, 160) } },
    hoverMessage: new vscode.MarkdownString(card),
  };
}
