/** *Open With… NaNoscope* for `.onnx` files: the panel in the place of an editor, with what is known before any run. */
import * as vscode from 'vscode';
import { viewTypes } from '../contributions';
import type { Panels } from './panels';

/** The file is never loaded into the editor: the panel reads of it what it needs, and gigabytes stay where they are. */
interface ModelDocument extends vscode.CustomDocument {
  readonly uri: vscode.Uri;
}

export function registerModelEditor(panels: Panels): vscode.Disposable {
  const provider: vscode.CustomReadonlyEditorProvider<ModelDocument> = {
    openCustomDocument: (uri) => ({ uri, dispose: () => undefined }),
    resolveCustomEditor: ({ uri }, panel) => panels.adopt(panel, { kind: 'file', model: uri.fsPath }),
  };
  return vscode.window.registerCustomEditorProvider(viewTypes.model, provider, {
    supportsMultipleEditorsPerDocument: false,
  });
}
