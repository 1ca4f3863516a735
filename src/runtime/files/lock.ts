/**
 * One change of a file at a time, across processes: a lock file beside it that only one can create. Node has no file
 * locks of the system's own. A holder that died leaves its lock behind; it is recognised by its process, which is gone,
 * or by its time stamp, which a living holder renews.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as after } from 'node:timers/promises';
import { NanoscopeError } from '../../core/errors';
import { errno, explained, shown } from './failures';
import { lockOf } from './ownNames';

const renewMs = 5_000;
/** A holder that did not renew its lock for so long is gone: a power cut, another machine. */
const deadMs = 60_000;
/** A lock is made and filled in two steps. One that stays empty for so long was made by a process killed in between. */
const fillMs = 1_000;

/** @throws NanoscopeError `would-overwrite` while another holds the lock; whatever `action` throws */
export async function exclusively<T>(file: string, action: () => Promise<T>): Promise<T> {
  const lock = lockOf(file);
  const token = JSON.stringify({ pid: process.pid, host: hostname(), key: randomBytes(8).toString('hex') });
  if (!(await create(file, lock, token))) {
    await takeFromTheDead(file, lock);
    if (!(await create(file, lock, token))) throw busy(file);
  }
  const renewal = setInterval(() => {
    const now = new Date();
    void fs.utimes(lock, now, now).catch(() => undefined);
  }, renewMs);
  renewal.unref();
  try {
    return await action();
  } finally {
    clearInterval(renewal);
    if ((await fs.readFile(lock, 'utf8').catch(() => '')) === token) await fs.rm(lock, { force: true });
  }
}

async function create(file: string, lock: string, token: string): Promise<boolean> {
  try {
    await explained(file, 'write', async () => {
      try {
        await fs.writeFile(lock, token, { flag: 'wx' });
      } catch (error) {
        // Made, but not filled (a full disk): nobody's.
        if (errno(error) !== 'EEXIST') await fs.rm(lock, { force: true }).catch(() => undefined);
        throw error;
      }
    });
    // Not so when it was taken for an empty one that nobody would fill.
    return (await fs.readFile(lock, 'utf8').catch(() => '')) === token;
  } catch (error) {
    if (error instanceof NanoscopeError && errno(error.cause) === 'EEXIST') return false;
    throw error;
  }
}

async function takeFromTheDead(file: string, lock: string): Promise<void> {
  let found = await read(lock);
  for (const until = Date.now() + fillMs; found?.text === '' && Date.now() < until; found = await read(lock)) {
    await after(fillMs / 20);
  }
  if (found === null) return;
  if (!found.dead) throw busy(file);
  // By rename: of several that see the same dead lock, one gets it.
  const aside = `${lock}.${randomBytes(6).toString('hex')}`;
  try {
    await fs.rename(lock, aside);
  } catch {
    return;
  }
  const taken = await fs.readFile(aside, 'utf8').catch(() => '');
  // Somebody was faster, and this is their lock, alive: it goes back.
  if (taken !== found.text) await fs.rename(aside, lock).catch(() => undefined);
  await fs.rm(aside, { force: true });
}

async function read(lock: string): Promise<{ readonly text: string; readonly dead: boolean } | null> {
  try {
    const { mtimeMs } = await fs.stat(lock);
    const text = await fs.readFile(lock, 'utf8');
    return { text, dead: text === '' || Date.now() - mtimeMs > deadMs || !isAlive(text) };
  } catch {
    return null;
  }
}

/** What cannot be told counts as alive; then age decides. */
function isAlive(text: string): boolean {
  const pid = /"pid":(\d+)/.exec(text)?.[1];
  if (pid === undefined || !text.includes(JSON.stringify(hostname()))) return true;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return errno(error) !== 'ESRCH';
  }
}

const busy = (file: string): NanoscopeError =>
  new NanoscopeError(
    'would-overwrite',
    `Another NaNoscope is changing ${shown(file)} just now.`,
    'Wait until it is done, then try again.',
  );
