/** What ships: exactly these files, of this platform, working from the folder that they are unpacked into. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/chromium';
import { buildVsix, type Vsix } from '../support/vsix';

const megabyte = 1024 * 1024;
/** One path a line. `UPDATE_GOLDEN=1 npx vitest run test/package` writes it anew; read the difference. */
const golden = path.join(import.meta.dirname, 'files.txt');

let vsix: Vsix;
beforeAll(async () => {
  vsix = await buildVsix();
});
afterAll(() => {
  vsix.remove();
});

const cli = (...args: string[]) =>
  spawnSync(process.execPath, [path.join(vsix.extension, 'dist/cli.js'), ...args], {
    encoding: 'utf8',
    // Away from the checkout, whose node_modules would help out otherwise.
    cwd: os.tmpdir(),
    timeout: 120_000,
  });

describe('the VSIX', () => {
  it('holds exactly the files of the list', () => {
    if (process.env.UPDATE_GOLDEN) writeFileSync(golden, `${vsix.files.join('\n')}\n`);
    expect(vsix.files).toEqual(readFileSync(golden, 'utf8').trimEnd().split('\n'));
  });

  it('is as large as one platform of the engine, not more', () => {
    expect(vsix.bytes / megabyte).toBeLessThan(22);
    expect(vsix.bytes / megabyte).toBeGreaterThan(10);
  });

  it('carries binaries of linux-x64 only', () => {
    const binaries = vsix.files.filter((file) => /\.(node|so|so\.\d+|dll|dylib|exe|wasm)$/.test(file));
    const home = 'extension/node_modules/onnxruntime-node/bin/napi-v6/linux/x64/';
    expect(binaries.filter((file) => !file.startsWith('extension/dist/python/'))).toEqual([
      `${home}libonnxruntime.so.1`,
      `${home}onnxruntime_binding.node`,
    ]);
    expect(readFileSync(path.join(path.dirname(vsix.extension), 'extension.vsixmanifest'), 'utf8')).toContain(
      'TargetPlatform="linux-x64"',
    );
  });

  it('ships no source map, source or test', () => {
    expect(vsix.files.filter((file) => /\.(map|ts|mts|tsx)$|\/(src|test|scripts|webview\/panel)\//.test(file))).toEqual(
      [],
    );
  });

  it('names no folder of the machine that built it', () => {
    const texts = vsix.files.filter((file) => /\.(js|css|json|md|txt|xml|vsixmanifest|svg)$/.test(file));
    const leaking = texts.filter((file) => {
      const text = readFileSync(path.join(path.dirname(vsix.extension), file), 'utf8');
      return (
        text.includes(`${repositoryRoot}/`) || text.includes(`${os.homedir()}/`) || text.includes('sourceMappingURL')
      );
    });
    expect(leaking.filter((file) => !file.includes('/node_modules/'))).toEqual([]);
  });

  it('has every file that the manifest points to', () => {
    const manifest = JSON.parse(readFileSync(path.join(vsix.extension, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const named = new Set<string>();
    const collect = (value: unknown): void => {
      if (typeof value === 'string') {
        if (/^(\.\/)?(dist|media|l10n)\//.test(value)) named.add(value);
      } else if (typeof value === 'object' && value !== null) {
        Object.values(value).forEach(collect);
      }
    };
    collect(manifest);
    expect(named.size).toBeGreaterThan(2);
    expect([...named].filter((file) => !existsSync(path.join(vsix.extension, file)))).toEqual([]);
  });

  it('evaluates no text as code in its pages', () => {
    const script = readFileSync(path.join(vsix.extension, 'dist/webview/panel.js'), 'utf8');
    expect(script).not.toMatch(/[^\w.$]eval\(/);
  });

  it('tells its version from the unpacked folder', () => {
    const { version } = JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
      version: string;
    };
    const { status, stdout, stderr } = cli('--version');
    expect({ status, stdout: stdout.trim(), stderr }).toEqual({ status: 0, stdout: version, stderr: '' });
  });

  it('runs the engine that it carries', () => {
    const { status, stdout, stderr } = cli(
      'diagnose',
      'builtin:kimi-k2-mini',
      '--lengths',
      '5,35',
      '--no-fixes',
      '--json',
    );
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    const report = JSON.parse(stdout) as { engine: { version: string }; outputs: { nanPositions: number[] }[] };
    expect(report.engine.version).toBe('1.30.0');
    expect(report.outputs[0]?.nanPositions).toEqual([35, 0]);
  });
});
