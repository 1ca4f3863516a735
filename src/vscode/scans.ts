/** Scans of stored files, with what the settings say of their axes and masks. */
import * as vscode from 'vscode';
import type { scan } from '../app/scan/scan';
import type { FileAccess, Progress } from '../app/useCases';
import { parseAxes } from '../core/scan/axes';
import type { ScanResult } from '../core/scan/types';
import { readSetting } from './settings';

export class Scans {
  constructor(
    private readonly work: typeof scan,
    private readonly files: FileAccess,
  ) {}

  /** With the settings of the first path. @throws NanoscopeError */
  async run(
    paths: readonly vscode.Uri[],
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<ScanResult> {
    const rules = readSetting('scan.axes', paths[0]).split(';');
    const asked = readSetting('scan.mask', paths[0]).trim();
    const mask = asked.replace(/:inverted$/, '');
    return this.work(
      this.files,
      {
        paths: paths.map(({ fsPath }) => fsPath),
        axes: rules.filter((rule) => rule.trim() !== '').map((rule) => parseAxes(rule.trim())),
        mask: mask === '' ? null : { name: mask, inverted: mask !== asked },
        name: (path) => vscode.workspace.asRelativePath(path),
      },
      { onProgress },
      signal,
    );
  }
}
