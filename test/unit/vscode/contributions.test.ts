/** The manifest and the typed table say the same; every text of the manifest exists. */
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  commandIds,
  contextKeys,
  settings,
  viewIds,
  viewTypes,
  walkthroughId,
} from '../../../src/vscode/contributions';

interface Manifest {
  readonly main: string;
  readonly publisher: string;
  readonly name: string;
  readonly activationEvents: readonly string[];
  readonly capabilities: {
    readonly untrustedWorkspaces: { readonly supported: unknown; readonly restrictedConfigurations: readonly string[] };
    readonly virtualWorkspaces: { readonly supported: unknown };
  };
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly category: string; readonly enablement?: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string; readonly when: string }[]>>;
    readonly configuration: {
      readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    readonly customEditors: unknown;
    readonly views: unknown;
    readonly walkthroughs: readonly {
      readonly id: string;
      readonly steps: readonly { readonly description: string; readonly media: { readonly markdown: string } }[];
    }[];
  };
}

const root = path.resolve(import.meta.dirname, '../../..');
const text = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const manifest = JSON.parse(text('package.json')) as Manifest;
const words = JSON.parse(text('package.nls.json')) as Record<string, string>;
const { contributes } = manifest;

/** Texts of every source file of the folder. */
function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(name);
    else if (name.endsWith('.ts')) yield text(name);
  }
}

describe('the manifest', () => {
  it('contributes exactly the commands of the table, in one category', () => {
    expect(contributes.commands.map(({ command }) => command).sort()).toEqual(Object.values(commandIds).sort());
    expect(new Set(contributes.commands.map(({ category }) => category))).toEqual(new Set(['NaNoscope']));
  });

  it('has menus for known commands only', () => {
    const used = Object.values(contributes.menus).flatMap((items) => items.map(({ command }) => command));
    expect(used.filter((command) => !Object.values<string>(commandIds).includes(command))).toEqual([]);
  });

  it('offers the panel as an editor of model files, and forces it on nobody', () => {
    expect(contributes.customEditors).toEqual([
      {
        viewType: viewTypes.model,
        displayName: 'NaNoscope',
        selector: [{ filenamePattern: '*.onnx' }],
        priority: 'option',
      },
    ]);
  });

  it('has the view of tensors in Run and Debug, while something is debugged', () => {
    expect(contributes.views).toEqual({
      debug: [
        {
          type: 'webview',
          id: viewIds.tensors,
          name: '%view.tensors%',
          icon: 'media/panel-dark.svg',
          when: 'debuggersAvailable',
        },
      ],
    });
  });

  it('uses only context keys that code sets, and all of them', () => {
    const clauses = [
      ...contributes.commands.map(({ enablement }) => enablement ?? ''),
      ...Object.values(contributes.menus).flatMap((items) => items.map(({ when }) => when)),
    ].join(' ');
    const used = new Set(clauses.match(/nanoscope\.\w+/g));
    for (const view of Object.values(viewTypes)) used.delete(view);
    expect([...used].sort()).toEqual(Object.values(contextKeys).sort());
  });

  it('has the settings of the table, with their defaults, scopes and limits', () => {
    const { properties } = contributes.configuration;
    const expected = Object.entries(settings).map(([key, facts]) => [
      `nanoscope.${key}`,
      {
        type: Array.isArray(facts.default) ? 'array' : typeof facts.default,
        default: facts.default,
        scope: facts.scope,
        ...('values' in facts ? { enum: facts.values } : {}),
        ...('items' in facts ? { items: { type: 'string', enum: facts.items } } : {}),
        ...('minimum' in facts ? { minimum: facts.minimum } : {}),
        ...('maximum' in facts ? { maximum: facts.maximum } : {}),
      },
    ]);
    const actual = Object.entries(properties).map(([key, { type, default: value, scope, ...rest }]) => [
      key,
      {
        type,
        default: value,
        scope,
        ...('enum' in rest ? { enum: rest.enum } : {}),
        ...('items' in rest ? { items: rest.items } : {}),
        ...('minimum' in rest ? { minimum: rest.minimum } : {}),
        ...('maximum' in rest ? { maximum: rest.maximum } : {}),
      },
    ]);
    expect(Object.fromEntries(actual)).toEqual(Object.fromEntries(expected));
  });

  it('restricts in untrusted workspaces what the table restricts', () => {
    const restricted = Object.entries(settings).filter(([, facts]) => facts.restricted);
    expect(manifest.capabilities.untrustedWorkspaces.supported).toBe('limited');
    expect(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations).toEqual(
      restricted.map(([key]) => `nanoscope.${key}`),
    );
  });

  it('never activates at start-up', () => {
    expect(manifest.activationEvents).toEqual([
      `onWebviewPanel:${viewTypes.diagnosis}`,
      'onDebug',
      'onLanguage:python',
    ]);
  });

  it('has every text that it refers to, and no other', () => {
    const used = new Set([...text('package.json').matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key));
    expect([...used].sort()).toEqual(Object.keys(words).sort());
    expect(Object.entries(words).filter(([, value]) => value.trim() === '')).toEqual([]);
  });

  it('has a walkthrough whose pages exist and whose buttons run known commands', () => {
    const walkthrough = contributes.walkthroughs.find(({ id }) => id === walkthroughId);
    expect(walkthrough).toBeDefined();
    const pages = walkthrough?.steps.map(({ media }) => media.markdown) ?? [];
    expect(pages.filter((page) => !existsSync(path.join(root, page)))).toEqual([]);
    const linked = Object.values(words).flatMap((value) => [...value.matchAll(/\(command:([\w.]+)\)/g)]);
    expect(linked.length).toBeGreaterThan(0);
    expect(
      linked.map(([, command]) => command).filter((id) => !Object.values<string>(commandIds).includes(`${id}`)),
    ).toEqual([]);
  });
});

describe('the sources', () => {
  it('spell no command or setting id outside the table', () => {
    const ids = [
      ...Object.values(commandIds),
      ...Object.values(contextKeys),
      ...Object.keys(settings).map((key) => `nanoscope.${key}`),
    ];
    const table = text('src/vscode/contributions.ts');
    const offenders = [...sources('src/vscode'), text('src/extension.ts')]
      .filter((source) => source !== table)
      .flatMap((source) => ids.filter((id) => source.includes(`'${id}'`)));
    expect(offenders).toEqual([]);
  });

  it('have every translatable text in the bundle for translators, and no other', () => {
    const bundle = JSON.parse(text('l10n/bundle.l10n.json')) as Record<string, string>;
    const used = [...sources('src/vscode')].flatMap((source) =>
      [...source.matchAll(/l10n\.t\(\s*'((?:[^'\\]|\\.)*)'/g)].map(([, found = '']) => found.replaceAll("\\'", "'")),
    );
    expect(Object.keys(bundle).sort()).toEqual([...new Set(used)].sort());
    expect(Object.entries(bundle).filter(([key, value]) => key !== value)).toEqual([]);
  });
});
