/**
 * Starts the test editor as a server on the loopback interface. Used by `npm start` and by the editor tests
 * (`test/support/workbench.ts`).
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Settings without which a fresh profile greets, asks and updates. */
export const quietSettings = Object.freeze({
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': 'off',
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'window.commandCenter': false,
  'chat.disableAIFeatures': true,
  'chat.commandCenter.enabled': false,
  'git.enabled': false,
  'files.hotExit': 'off',
});

/**
 * @typedef {object} ServerOptions
 * @property {import('./install.mjs').Installed} installed
 * @property {string} home an empty folder for profile, extensions and log; the caller removes it
 * @property {readonly string[]} [extensions] folders of unpacked extensions to install by link
 * @property {Record<string, unknown>} [settings] added to `quietSettings`
 * @property {boolean} [trust] true: Workspace Trust is on and the workspace starts untrusted
 * @property {boolean} [smokeTest] true: the page exposes its automation hooks (tests inside the extension host)
 * @property {number} [port] a free one when absent
 */

/**
 * @typedef {object} Server
 * @property {string} url
 * @property {number} port
 * @property {string} settingsFile the user settings; read when the window loads
 * @property {string} logFile what the server printed
 * @property {Promise<void>} exited
 * @property {() => Promise<void>} stop ends the server and everything that it started; safe to call twice
 */

/**
 * @param {ServerOptions} options
 * @returns {Promise<Server>} once the server answers
 * @throws Error when it ends or stays silent instead
 */
export async function startServer(options) {
  const { installed, home } = options;
  const trust = options.trust ?? false;
  const userData = path.join(home, 'data');
  const extensions = path.join(home, 'extensions');
  const settingsFile = path.join(userData, 'User/settings.json');
  const logFile = path.join(home, 'server.log');
  mkdirSync(path.dirname(settingsFile), { recursive: true });
  mkdirSync(extensions, { recursive: true });
  const settings = {
    ...quietSettings,
    'security.workspace.trust.enabled': trust,
    ...(trust ? { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' } : {}),
    ...options.settings,
  };
  writeFileSync(settingsFile, JSON.stringify(settings, null, 2));
  writeFileSync(path.join(home, 'config.yaml'), 'cert: false\n');
  for (const folder of options.extensions ?? []) {
    symlinkSync(path.resolve(folder), path.join(extensions, path.basename(path.resolve(folder))));
  }

  const port = options.port ?? (await freePort());
  const child = spawn(
    installed.node,
    [
      installed.entry,
      ...['--config', path.join(home, 'config.yaml')],
      ...['--bind-addr', `127.0.0.1:${String(port)}`],
      ...['--auth', 'none'],
      ...['--user-data-dir', userData],
      ...['--extensions-dir', extensions],
      ...['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override', '--disable-proxy'],
      ...['--ignore-last-opened'],
      ...(trust ? [] : ['--disable-workspace-trust']),
      ...(options.smokeTest ? ['--vscode-option', 'enable-smoke-test-driver'] : []),
    ],
    {
      cwd: home,
      // A group of its own, so that its extension hosts can be ended with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: serverEnvironment(home),
    },
  );
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });

  /** @type {{ how: string | null }} */
  const end = { how: null };
  /** @type {Promise<void>} */
  const exited = new Promise((resolve) => {
    child.on('error', (error) => {
      end.how = error.message;
      resolve();
    });
    child.on('exit', (code, signal) => {
      end.how = `it ended with ${String(code ?? signal)}`;
      log.end();
      resolve();
    });
  });
  /** @param {NodeJS.Signals} signal */
  const signalGroup = (signal) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // Gone already.
    }
  };
  // A test runner that dies must not leave an editor behind.
  const onExit = () => {
    signalGroup('SIGKILL');
  };
  process.on('exit', onExit);
  const stop = async () => {
    signalGroup('SIGTERM');
    await Promise.race([exited, sleep(3000, undefined, { ref: false })]);
    signalGroup('SIGKILL');
    await exited;
    process.off('exit', onExit);
  };

  const url = `http://127.0.0.1:${String(port)}/`;
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && end.how === null) {
    try {
      const response = await fetch(`${url}healthz`);
      await response.arrayBuffer();
      if (response.ok) return { url, port, settingsFile, logFile, exited, stop };
    } catch {
      // Not listening yet.
    }
    await sleep(100);
  }
  await stop();
  throw new Error(`The editor's server did not start: ${end.how ?? 'no answer in 60 s'}. Its log is ${logFile}.`);
}

/** @param {string} home */
function serverEnvironment(home) {
  /** @type {NodeJS.ProcessEnv} */
  const environment = {};
  for (const [key, value] of Object.entries(process.env)) {
    // Left over from an enclosing VS Code terminal or test runner; they confuse the server.
    if (!/^(VSCODE_|ELECTRON_|NODE_OPTIONS$|VITEST|NODE_CHANNEL|TEST$)/.test(key)) environment[key] = value;
  }
  return {
    ...environment,
    EXTENSIONS_GALLERY: '{}',
    // Sockets and caches of the server stay in its own folder.
    XDG_RUNTIME_DIR: home,
    XDG_DATA_HOME: path.join(home, 'share'),
    XDG_CONFIG_HOME: path.join(home, 'config'),
  };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address && typeof address === 'object') resolve(address.port);
        else reject(new Error('No free port on the loopback interface.'));
      });
    });
  });
}
