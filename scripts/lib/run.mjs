/** Child processes for scripts: either seen by the person, or silent unless they fail. */
import { spawn, spawnSync } from 'node:child_process';
import { root } from './root.mjs';

/**
 * Runs with this terminal; resolves with the exit code (128 + n for a signal is the shell's way; here 1).
 *
 * @param {string} command @param {readonly string[]} args @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>}
 */
export function runVisible(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/**
 * Runs silently; what was printed comes back, and the whole process group is ended after `limitMs`.
 *
 * @param {string} command @param {readonly string[]} args
 * @param {{ limitMs: number; env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ code: number; output: string; late: boolean }>}
 */
export function runCaptured(command, args, { limitMs, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      ...(env ? { env } : {}),
    });
    let output = '';
    let late = false;
    const killGroup = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Ended by itself meanwhile.
      }
    };
    const timer = setTimeout(() => {
      late = true;
      killGroup();
    }, limitMs);
    // Ctrl+C does not reach a group of its own.
    process.once('exit', killGroup);
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('exit', killGroup);
      resolve({ code: code ?? 1, output, late });
    });
  });
}

/** @param {string} command @param {readonly string[]} [args] @returns {boolean} whether it ran and ended with 0 */
export function works(command, args = ['--version']) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
