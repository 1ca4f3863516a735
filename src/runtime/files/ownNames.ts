/**
 * Names of files that NaNoscope needs beside a model for a moment. They are made from a hash of the model's name: a
 * model may be called anything its file system allows, up to its longest name, and what a killed process left behind
 * is still recognised.
 */
import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

const ownPrefix = (file: string): string =>
  `.nanoscope-${createHash('sha256').update(path.basename(file)).digest('hex').slice(0, 12)}`;

/** A new name for content of `file` that is not complete yet. */
export const temporaryFor = (file: string): string =>
  path.join(path.dirname(file), `${ownPrefix(file)}-${randomBytes(6).toString('hex')}.tmp`);

/** The file that says who is changing `file` just now. */
export const lockOf = (file: string): string => path.join(path.dirname(file), `${ownPrefix(file)}.lock`);

/** Temporary files for `file` that nobody is writing any more: call it while holding the lock. */
export async function removeLeftovers(file: string): Promise<void> {
  const folder = path.dirname(file);
  const prefix = `${ownPrefix(file)}-`;
  const names = await fs.readdir(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length))) continue;
    // One that cannot be removed now does no harm.
    await fs.rm(path.join(folder, name), { force: true }).catch(() => undefined);
  }
}
