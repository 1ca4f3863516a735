/** Runs `host/extension.suite.ts` inside the extension host of a real editor; each of its tests is one here. */
import path from 'node:path';
import { expect, it } from 'vitest';
import { runInExtensionHost } from '../support/workbench';
import { TestWorkspace } from './support/workspace';

const workspace = new TestWorkspace(['sick.onnx']);
workspace.write('note.txt', 'This is not a model.\n'.repeat(50));

const results = await runInExtensionHost({
  workspace: workspace.folder,
  suite: path.join(import.meta.dirname, 'host/extension.suite.ts'),
  ...(process.env.NANOSCOPE_TEST_EXTENSION ? { extension: process.env.NANOSCOPE_TEST_EXTENSION } : {}),
}).finally(() => {
  workspace.remove();
});

it.each(results)('inside the extension host, NaNoscope $name', ({ error }) => {
  expect(error).toBeNull();
});
