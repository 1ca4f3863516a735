/** The documents tell the truth: every command that they print works as printed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/chromium';

const documents = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'CHANGELOG.md'] as const;
const read = (name: string): string => readFileSync(path.join(repositoryRoot, name), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>;
  contributes: {
    commands: { command: string; title: string; category?: string }[];
    views: Record<string, { name: string }[]>;
  };
};
const views = Object.values(manifest.contributes.views).flat();
const titles = JSON.parse(read('package.nls.json')) as Record<string, string>;

/** Lines of the blocks that are marked as shell. */
const shellLines = (text: string): string[] =>
  [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    block
      .split('\n')
      .map((line) => line.replace(/\s+#\s.*$/, '').trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );

/** Words of a command line; double quotes hold words together. */
const words = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');

describe('nanoscope commands of the README, in their order', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-readme-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const lines = shellLines(read('README.md')).filter((line) => line.startsWith('nanoscope '));

  it('are there', () => {
    expect(lines.length).toBeGreaterThan(5);
  });

  it.each(lines)('%s', (line) => {
    const [, ...args] = words(line);
    const redirect = args.indexOf('>');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [path.join(repositoryRoot, 'dist/cli.js'), ...(redirect < 0 ? args : args.slice(0, redirect))],
      { cwd: folder, encoding: 'utf8', timeout: 180_000 },
    );
    // 1 says that NaN was found, which most of the examples are about.
    expect([0, 1], stderr).toContain(status);
    expect(stdout).not.toBe('');
  });
});

describe.each(documents)('%s', (name) => {
  const text = read(name);

  it('names npm scripts that exist', () => {
    const named = [...text.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
      ([, run, short]) => run ?? short ?? '',
    );
    expect(named.filter((script) => !(script in manifest.scripts))).toEqual([]);
  });

  it('links to files that exist', () => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = '']) => target);
    expect(
      links.filter((target) => !/^[a-z]+:/.test(target) && !existsSync(path.join(repositoryRoot, target))),
    ).toEqual([]);
  });

  it('names palette commands and views by their titles', () => {
    const own = [...manifest.contributes.commands.map(({ title }) => title), ...views.map(({ name }) => name)];
    const known = own.map((title) => (titles[title.replaceAll('%', '')] ?? title).replace(/^NaNoscope: /, ''));
    const named = [...text.matchAll(/\*NaNoscope: ([^*]+)\*/g)].map(([, title = '']) => title);
    expect(named.filter((title) => !known.includes(title))).toEqual([]);
  });

  it('names source folders and files that exist', () => {
    const named = [...text.matchAll(/`((?:src|webview|media|test|scripts)\/[\w./-]*)`/g)].map(
      ([, target = '']) => target,
    );
    expect(named.filter((target) => !existsSync(path.join(repositoryRoot, target)))).toEqual([]);
  });
});
