/** `npm run setup`: everything that tests need, so that a later `npm test` starts at once. */
import { ensureBuilt, ensureEditor, ensureNode, ensurePackages, ensureSystem } from './lib/setup.mjs';

try {
  ensureNode();
  await ensurePackages();
  await ensureBuilt();
  await ensureSystem(['chromium', 'python']);
  const { root } = await ensureEditor();
  console.log(`Ready. The test editor is in ${root}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
