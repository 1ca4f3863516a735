/** The PyTorch exports that the tests share. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const exportsFolder = join(__dirname, '../../fixtures/pytorch');

export const exportedModels: readonly string[] = readdirSync(exportsFolder)
  .filter((name) => name.endsWith('.onnx'))
  .sort();
