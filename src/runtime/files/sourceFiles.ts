/** Python files on disk. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { SourceFiles } from '../../app/source/ports';
import { NanoscopeError } from '../../core/errors';
import { explained, unreadable } from './failures';

/** Folders of other people's code, and of no code. */
const passedOver = new Set([
  'node_modules',
  '__pycache__',
  'site-packages',
  'dist-packages',
  'venv',
  'env',
  'build',
  'dist',
]);

export const sourceFiles: SourceFiles = {
  read: (file) => explained(file, 'read', () => readFile(file)),
  find: async (start, signal) => {
    const found = await explained(start, 'read', () => stat(start));
    if (found.isFile()) return [start];
    // Reading a pipe that nobody writes to never ends.
    if (!found.isDirectory()) throw unreadable(start, 'it is neither a file nor a folder');
    const files: string[] = [];
    const waiting = [start];
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      if (signal.aborted)
        throw new NanoscopeError('cancelled', 'The search was cancelled.', 'Run it again to begin anew.');
      const here = folder;
      // Links are not followed: they may lead out, or in a circle.
      const entries = await readdir(here, { withFileTypes: true }).catch((error: unknown) => {
        if (here === start) throw error;
        return [];
      });
      for (const entry of entries) {
        if (entry.isDirectory() && !entry.name.startsWith('.') && !passedOver.has(entry.name))
          waiting.push(path.join(here, entry.name));
        if (entry.isFile() && entry.name.endsWith('.py')) files.push(path.join(here, entry.name));
      }
    }
    return files.sort();
  },
};
