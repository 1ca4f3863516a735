/** The synthetic transformer as files in a temporary folder, read back as the product reads a user's model. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { openSubject } from '../../../src/app/subject';
import { encode, transformer } from './transformer';
import type { Subject } from '../../../src/app/subject';
import type { Transformer, TransformerOptions } from './transformer';

export async function inTemporaryFolder<R>(body: (folder: string) => Promise<R>): Promise<R> {
  const folder = await mkdtemp(join(tmpdir(), 'nanoscope-bench-'));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface OnDisk {
  readonly made: Transformer;
  readonly path: string;
  readonly subject: Subject;
}

export async function onDisk(folder: string, options: TransformerOptions): Promise<OnDisk> {
  const made = transformer(options);
  const path = join(folder, 'model.onnx');
  await writeFile(join(folder, 'weights.bin'), made.weights);
  await writeFile(path, encode(made.model));
  return { made, path, subject: await openSubject(nodeFiles, path) };
}
