/** The checker of import directions catches what it should: each rule is given a violation and a neighbour that is fine. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');
const config = createRequire(import.meta.url)(path.join(root, '.dependency-cruiser.cjs')) as {
  forbidden: { name: string }[];
  options: ICruiseOptions;
};

interface Case {
  readonly file: string;
  readonly code: string;
  /** `null`: nothing is wrong with it. */
  readonly rule: string | null;
}

/** What the cases import, so that it can be resolved. */
const targets: Readonly<Record<string, string>> = {
  'src/core/report.ts': 'export type Report = object; export const stages = [];',
  'src/core/graph.ts': 'export type Graph = object; export const graph = 1;',
  // The other half of a cycle; it is reported once.
  'src/core/i02.ts': "import { i01 } from './i01'; export const i02 = () => i01;",
  'src/core/trace/ranges.ts': 'export const ranges = 1;',
  'src/app/ports.ts': 'export type Engine = object; export const port = 1;',
  'src/app/render/table.ts': 'export const table = 1;',
  'src/protocol/panel.ts': 'export type ToPanel = object; export const panel = 1;',
  'src/runtime/client/engine.ts': 'export const engine = 1;',
  'src/runtime/worker/main.ts': 'export {};',
  'src/debug/dap.ts': 'export const dap = 1;',
  'src/vscode/view.ts': 'export const view = 1;',
  'src/cli/terminal.ts': 'export const terminal = 1;',
  'src/extension.ts': "import * as vscode from 'vscode'; import './runtime/client/engine'; export const x = vscode;",
  'src/cli/main.ts': "import '../runtime/client/engine'; import './terminal';",
  'test/support/help.ts': 'export const help = 1;',
};

const cases: readonly Case[] = [
  { file: 'src/core/a01.ts', code: "import { readFileSync } from 'node:fs'; readFileSync('');", rule: 'core-is-pure' },
  { file: 'src/core/a02.ts', code: "import fs from 'fs'; fs.readFileSync('');", rule: 'core-is-pure' },
  {
    file: 'src/core/a03.ts',
    code: "import type { Engine } from '../app/ports'; export type A = Engine;",
    rule: 'core-is-pure',
  },
  { file: 'src/core/a04.ts', code: "import * as vscode from 'vscode'; vscode;", rule: 'core-is-pure' },
  { file: 'src/core/a05.ts', code: "export const later = () => import('commander');", rule: 'core-is-pure' },
  { file: 'src/core/a06.ts', code: "import { z } from 'zod'; z;", rule: null },
  { file: 'src/core/a07.ts', code: "import { create } from '@bufbuild/protobuf'; create;", rule: null },
  { file: 'src/core/a08.ts', code: "import { zodiac } from 'zodiac'; zodiac;", rule: 'core-is-pure' },
  {
    file: 'src/app/b01.ts',
    code: "import { engine } from '../runtime/client/engine'; engine;",
    rule: 'app-knows-core',
  },
  { file: 'src/app/b02.ts', code: "import path from 'node:path'; path;", rule: 'app-knows-core' },
  { file: 'src/app/b03.ts', code: "import { graph } from '../core/graph'; graph;", rule: null },
  {
    file: 'src/app/b04.ts',
    code: "import type { ToPanel } from '../protocol/panel'; export type B = ToPanel;",
    rule: 'app-knows-core',
  },
  {
    file: 'src/protocol/c01.ts',
    code: "import { port } from '../app/ports'; port;",
    rule: 'protocol-knows-types-of-core',
  },
  {
    file: 'src/protocol/c02.ts',
    code: "import { graph } from '../core/graph'; graph;",
    rule: 'protocol-imports-no-code-of-core',
  },
  {
    file: 'src/protocol/c03.ts',
    code: "import type { Graph } from '../core/graph'; export type C = Graph;",
    rule: null,
  },
  { file: 'src/protocol/c04.ts', code: "import { stages } from '../core/report'; stages;", rule: null },
  {
    file: 'src/runtime/client/d01.ts',
    code: "import { view } from '../../vscode/view'; view;",
    rule: 'runtime-implements-ports',
  },
  {
    file: 'src/runtime/client/d02.ts',
    code: "import https from 'node:https'; https;",
    rule: 'runtime-implements-ports',
  },
  {
    file: 'src/runtime/client/d03.ts',
    code: "import ort from 'onnxruntime-node'; ort;",
    rule: 'engine-in-the-child-only',
  },
  { file: 'src/runtime/worker/d04.ts', code: "import ort from 'onnxruntime-node'; ort;", rule: null },
  { file: 'src/runtime/client/d05.ts', code: "import '../worker/main';", rule: 'nobody-imports-a-root' },
  { file: 'src/debug/e01.ts', code: "import * as vscode from 'vscode'; vscode;", rule: 'debug-implements-ports' },
  {
    file: 'src/vscode/f01.ts',
    code: "import { engine } from '../runtime/client/engine'; engine;",
    rule: 'vscode-is-a-face',
  },
  { file: 'src/vscode/f02.ts', code: "import { dap } from '../debug/dap'; dap;", rule: 'vscode-is-a-face' },
  { file: 'src/vscode/f03.ts', code: "import * as vscode from 'vscode'; vscode;", rule: null },
  { file: 'src/vscode/f04.ts', code: "import '../extension';", rule: 'nobody-imports-a-root' },
  { file: 'src/cli/g01.ts', code: "import * as vscode from 'vscode'; vscode;", rule: 'vscode-in-its-folder-only' },
  { file: 'src/cli/g02.ts', code: "import { engine } from '../runtime/client/engine'; engine;", rule: 'cli-is-a-face' },
  { file: 'webview/h01.ts', code: "import { port } from '../src/app/ports'; port;", rule: 'webview-imports-protocol' },
  {
    file: 'webview/h02.ts',
    code: "import { graph } from '../src/core/graph'; graph;",
    rule: 'webview-imports-no-code-of-core',
  },
  { file: 'webview/h03.ts', code: "import { table } from '../src/app/render/table'; table;", rule: null },
  { file: 'webview/h04.ts', code: "import { ranges } from '../src/core/trace/ranges'; ranges;", rule: null },
  {
    file: 'webview/h05.ts',
    code: "import { readFileSync } from 'node:fs'; readFileSync('');",
    rule: 'webview-imports-protocol',
  },
  { file: 'src/core/i01.ts', code: "import { i02 } from './i02'; export const i01 = () => i02;", rule: 'no-cycles' },
  { file: 'src/core/i03.ts', code: "import { gone } from './gone'; gone;", rule: 'no-unresolved' },
  {
    file: 'src/app/i04.ts',
    code: "import { help } from '../../test/support/help'; help;",
    rule: 'no-tests-in-product',
  },
];

describe('import directions', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-imports-'));
  const broken = new Map<string, string[]>();

  beforeAll(async () => {
    const files = [...Object.entries(targets), ...cases.map(({ file, code }) => [file, code] as const)];
    for (const [file, code] of files) {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), code);
    }
    const { tsConfig: _, ...options } = config.options;
    const { output } = await cruise(['src', 'webview'], {
      ...options,
      baseDir: folder,
      ruleSet: { forbidden: config.forbidden as never },
      validate: true,
    });
    for (const { from, rule } of (output as ICruiseResult).summary.violations) {
      broken.set(from, [...(broken.get(from) ?? []), rule.name]);
    }
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(cases)('$file: $code → $rule', ({ file, rule }) => {
    // Packages are not installed in the temporary tree, so `no-unresolved` counts only where it is the point.
    const named = (broken.get(file) ?? []).filter((name) => name !== 'no-unresolved' || rule === name);
    if (rule === null) expect(named).toEqual([]);
    else expect(named).toContain(rule);
  });

  it('leaves the composition roots alone', () => {
    for (const root of ['src/extension.ts', 'src/cli/main.ts']) {
      expect((broken.get(root) ?? []).filter((name) => name !== 'no-unresolved')).toEqual([]);
    }
  });

  it('tries every rule', () => {
    const tried = new Set(cases.map(({ rule }) => rule));
    expect(config.forbidden.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([]);
  });
});
