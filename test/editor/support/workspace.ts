/** Temporary folders with real models in them. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { repositoryRoot } from '../../support/chromium';

const demo = path.join(repositoryRoot, 'media/demo');

/** Of the demo workspace: real PyTorch exports of three layers, with their source and the batch that PyTorch was given. */
export type DemoFile = 'sick.onnx' | 'sick.inputs.npz' | 'healthy.onnx' | 'right-padded.onnx' | 'model.py';

export class TestWorkspace {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-workspace-'));

  constructor(files: readonly DemoFile[]) {
    for (const name of files) {
      copyFileSync(path.join(demo, name), this.path(name));
    }
  }

  path(name: string): string {
    return path.join(this.folder, name);
  }

  write(name: string, content: string | Uint8Array): string {
    const file = this.path(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** `NANOSCOPE_TEST_EXTENSION`: an unpacked extension (an unzipped VSIX, say) to test instead of this checkout. */
export function extensionUnderTest(): { readonly extensions?: readonly string[] } {
  const folder = process.env.NANOSCOPE_TEST_EXTENSION;
  return folder ? { extensions: [folder] } : {};
}
