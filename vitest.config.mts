import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vitest/config';
import { expressionOf } from './scripts/lib/expression.mjs';

/** As the bundler does: a Python file is its text. */
const pythonAsText: Plugin = {
  name: 'python-as-text',
  load: (id) => (id.endsWith('.py') ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))};` : null),
};

/** As the bundler does: `entry.ts?expression` is a bundle of it, as the text of an expression. */
const expressionAsText: Plugin = {
  name: 'expression-as-text',
  enforce: 'pre',
  load: async (id) =>
    id.endsWith('?expression')
      ? `export default ${JSON.stringify((await expressionOf(id.slice(0, -'?expression'.length))).text)};`
      : null,
};

/** One project per suite; `npm test -- --only unit,cli` and `npx vitest run --project unit` choose among them. */
const suite = (
  name: string,
  settings: { timeout?: number; serial?: boolean; retry?: number; shared?: boolean } = {},
) => ({
  plugins: [pythonAsText, expressionAsText],
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: settings.timeout ?? 60_000,
    hookTimeout: settings.timeout ?? 60_000,
    // A whole browser and editor on a busy machine may miss a click; what is wrong fails each time.
    retry: settings.retry ?? 0,
    // A poll ends as soon as it holds; its default of a second is for code, not for an editor on a busy machine.
    expect: { poll: { timeout: 30_000 } },
    // Reading the modules anew for every file is an eighth of a suite; where nothing is mocked, nothing is gained by it.
    isolate: settings.shared !== true,
    // An editor takes a gigabyte and both cores: one at a time.
    fileParallelism: settings.serial !== true,
  },
});

export default defineConfig({
  test: {
    // Two cores: more workers than that only fight over the engine's threads.
    maxWorkers: 2,
    projects: [
      suite('unit'),
      suite('runtime', { shared: true }),
      suite('cli', { timeout: 120_000, shared: true }),
      suite('dap', { timeout: 120_000, shared: true }),
      suite('webview', { timeout: 90_000, retry: 1 }),
      suite('editor', { timeout: 240_000, serial: true, retry: 2 }),
      suite('package', { timeout: 240_000, serial: true }),
    ],
  },
});
