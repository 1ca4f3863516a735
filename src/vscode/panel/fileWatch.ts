/** Watches single files, inside the workspace or not. */
import * as vscode from 'vscode';

export class FileWatch implements vscode.Disposable {
  private watched = new Map<string, vscode.Disposable>();

  constructor(private readonly onTouched: () => void) {}

  /** Watches exactly `paths` from now on. */
  follow(paths: readonly string[]): void {
    const wanted = new Set(paths);
    for (const [path, watcher] of this.watched) {
      if (!wanted.has(path)) {
        watcher.dispose();
        this.watched.delete(path);
      }
    }
    for (const path of wanted) {
      if (!this.watched.has(path)) {
        this.watched.set(path, this.watch(path));
      }
    }
  }

  dispose(): void {
    this.follow([]);
  }

  private watch(path: string): vscode.Disposable {
    const uri = vscode.Uri.file(path);
    const name = uri.path.slice(uri.path.lastIndexOf('/') + 1);
    // A name is not a pattern: what a glob would read as syntax is matched as any one character.
    const pattern = new vscode.RelativePattern(vscode.Uri.joinPath(uri, '..'), name.replace(/[*?[\]{}!,\\]/g, '?'));
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    return vscode.Disposable.from(
      watcher,
      watcher.onDidChange(this.onTouched),
      watcher.onDidCreate(this.onTouched),
      watcher.onDidDelete(this.onTouched),
    );
  }
}
