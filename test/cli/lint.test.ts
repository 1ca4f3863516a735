/** `nanoscope lint`: what it prints, as text, JSON and SARIF, and its exit codes. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cliBundle, runProcess, type Outcome } from '../support/cliHarness';
import { failureSchema } from '../support/reportSchema';

const sick = `import torch


def attend(q, k, v, mask):
    scores = (q @ k.mT).masked_fill(mask == 0, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v
`;
const mild = 'import torch\n\n\ndef mean(make_mask):\n    return make_mask(allow_torch_fix=False)\n';
const message = 'Scores are masked with -inf and nothing keeps a row from being masked whole: its softmax is NaN.';

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nanoscope lint '));
  await cliBundle();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
function tree(files: Readonly<Record<string, string | Uint8Array>>): string {
  const place = join(folder, String((count += 1)));
  mkdirSync(place);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(place, name, '..'), { recursive: true });
    writeFileSync(join(place, name), content);
  }
  return place;
}

const lint = (cwd: string, ...args: readonly string[]): Promise<Outcome> => runProcess(['lint', ...args], { cwd });

describe('nanoscope lint', () => {
  it('names file, line and column, shows the line, and ends with 1', async () => {
    const { code, out, err } = await lint(tree({ 'src/model.py': sick, 'clean.py': 'x = 1\n' }), '.');
    expect(out).toBe(
      [
        'src/model.py:6:12  warning  masked-row-no-guard',
        '  return torch.softmax(scores, dim=-1) @ v',
        `  ${message}`,
        '',
        '1 hazard in 1 of 2 files. A comment silences one: # nanoscope: ignore[rule]',
        '',
      ].join('\n'),
    );
    expect([code, err]).toEqual([1, '']);
  });

  it('ends with 0 for nothing, and for what is only worth knowing', async () => {
    expect(await lint(tree({ 'a.py': 'x = 1\n' }), '.')).toEqual({ code: 0, out: 'No hazards in 1 file.\n', err: '' });
    const { code, out } = await lint(tree({ 'a.py': mild }), 'a.py');
    expect([code, out.split('\n')[0]]).toEqual([0, 'a.py:5:38  information  guard-switched-off']);
  });

  it('looks at other people’s code only where it is named, and follows no link', async () => {
    const place = tree({
      'venv/a.py': sick,
      '.hidden/b.py': sick,
      'node_modules/c.py': sick,
      'd.txt': sick,
      'e.pyi': sick,
    });
    symlinkSync(place, join(place, 'round'));
    expect((await lint(place, '.')).out).toBe('No hazards in 0 files.\n');
    expect((await lint(place, 'venv', 'd.txt')).out).toContain('2 hazards in 2 of 2 files.');
  });

  it('prints JSON', async () => {
    const { code, out } = await lint(tree({ 'm.py': sick }), 'm.py', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      schemaVersion: 1,
      files: 1,
      lines: 6,
      results: [
        {
          file: 'm.py',
          hazards: [
            {
              rule: 'masked-row-no-guard',
              severity: 'warning',
              message,
              from: sick.indexOf('torch.softmax'),
              to: sick.indexOf(' @ v\n'),
              line: 6,
              column: 12,
              endLine: 6,
              endColumn: 41,
              source: 'return torch.softmax(scores, dim=-1) @ v',
            },
          ],
        },
      ],
      skipped: [],
    });
  });

  it('prints SARIF', async () => {
    const { out } = await lint(tree({ 'sub folder #1/m.py': sick }), '.', '--sarif');
    const sarif = z
      .object({
        version: z.literal('2.1.0'),
        runs: z.tuple([
          z.object({
            tool: z.object({
              driver: z.object({ name: z.literal('NaNoscope'), rules: z.array(z.object({ id: z.string() })) }),
            }),
            columnKind: z.literal('utf16CodeUnits'),
            results: z.array(z.unknown()),
          }),
        ]),
      })
      .parse(JSON.parse(out));
    const [run] = sarif.runs;
    const ruleIndex = run.tool.driver.rules.findIndex(({ id }) => id === 'masked-row-no-guard');
    expect(run.results).toEqual([
      {
        ruleId: 'masked-row-no-guard',
        ruleIndex,
        level: 'warning',
        message: { text: message },
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: 'sub%20folder%20%231/m.py' },
              region: { startLine: 6, startColumn: 12, endLine: 6, endColumn: 41 },
            },
          },
        ],
      },
    ]);
  });

  it('switches rules off, and says what they are', async () => {
    const place = tree({ 'm.py': sick });
    expect((await lint(place, 'm.py', '--off', 'masked-row-no-guard, softmax-no-max')).code).toBe(0);
    const { code, out } = await lint(place, '--rules');
    expect(code).toBe(0);
    expect(out).toContain('mask-times-infinity  error\n  Mask multiplied by infinity.\n');
  });

  it.each([
    [[], 'Which files?'],
    [['nowhere'], 'does not exist'],
    [['--off', 'nothing', '.'], 'There is no rule nothing.'],
    [['--json', '--sarif', '.'], '--json and --sarif exclude each other.'],
  ])('%j ends with 2', async (args, words) => {
    const { code, out, err } = await lint(tree({}), ...args);
    expect(code).toBe(2);
    expect(out + err).toContain(words);
  });

  it('waits for no pipe', async () => {
    const place = tree({ 'a.py': 'x = 1\n' });
    execFileSync('mkfifo', [join(place, 'pipe.py')]);
    expect((await lint(place, '.')).out).toBe('No hazards in 1 file.\n');
    const { code, err } = await lint(place, 'pipe.py');
    expect(code).toBe(2);
    expect(err).toContain('it is neither a file nor a folder');
  });

  it('tells a failure as JSON', async () => {
    const { out } = await lint(tree({}), 'nowhere', '--json');
    expect(failureSchema.parse(JSON.parse(out)).error.code).toBe('file-not-found');
  });

  it('goes on behind a file that it cannot use', async () => {
    const place = tree({
      'a.py': sick,
      'binary.py': `softmax\0${sick}`,
      'huge.py': `# softmax\n${'x = 1\n'.repeat(800_000)}`,
      'latin.py': Uint8Array.from([...Buffer.from('# caf\xe9 softmax\n', 'latin1'), ...Buffer.from(sick)]),
      'secret.py': sick,
    });
    chmodSync(join(place, 'secret.py'), 0);
    const { code, out } = await lint(place, '.');
    expect(code).toBe(1);
    expect(out).toContain('a.py:6:12');
    expect(out).toContain('latin.py:7:12');
    expect(out).toContain('binary.py: not read, it is no text');
    expect(out).toContain('huge.py: not read, it has 4 MB');
  });

  it('says of what is no source that it was not read', async () => {
    const place = tree({
      'notebook.ipynb': JSON.stringify({ cells: [{ cell_type: 'code', source: [sick] }] }),
      'wide.py': Buffer.from(`\ufeff${sick}`, 'utf16le'),
      'zeros.py': '\0'.repeat(1000),
    });
    const { code, out } = await lint(place, 'notebook.ipynb', 'wide.py', 'zeros.py');
    expect(code).toBe(0);
    expect(out).toContain('notebook.ipynb: not read, it is a notebook: save it as a Python file first');
    expect(out).toContain('wide.py: not read, it is UTF-16, which Python does not read: save it as UTF-8');
    expect(out).toContain('zeros.py: not read, it is no text');
    expect(out).toContain('No hazards in 0 files.');
  });

  it('writes names that could drive a terminal visibly', async () => {
    const place = tree({ 'a\u001b[31m.py': sick.replace('def attend', '# \u001b]0;title\u0007\ndef attend') });
    const { out } = await lint(place, '.');
    expect(Array.from(out).filter((one) => one < ' ' && one !== '\n')).toEqual([]);
  });
});
