/**
 * Every id that the extension shares with its manifest, in one typed table. Code uses these constants only, and
 * `test/unit/vscode/contributions.test.ts` compares them with `package.json`, so neither side can drift.
 *
 * No `vscode` import here: the table is read by tests that run without an editor.
 */
import { rules } from '../core/python/rules';
import { engineLevels, type EngineLevel } from '../core/report';

export const commandIds = {
  diagnose: 'nanoscope.diagnose',
  /** The same for menus of a file, where the category does not show and nothing is left to ask. */
  diagnoseFile: 'nanoscope.diagnoseFile',
  diagnoseBuiltIn: 'nanoscope.diagnoseBuiltIn',
  compare: 'nanoscope.compare',
  history: 'nanoscope.history',
  cancel: 'nanoscope.cancel',
  tryFixes: 'nanoscope.tryFixes',
  applyFix: 'nanoscope.applyFix',
  undoFix: 'nanoscope.undoFix',
  copyFixSnippet: 'nanoscope.copyFixSnippet',
  shrink: 'nanoscope.shrink',
  experiment: 'nanoscope.experiment',
  scan: 'nanoscope.scan',
  /** The same for menus of files and folders. */
  scanFile: 'nanoscope.scanFile',
  copyMarkdown: 'nanoscope.copyMarkdown',
  copySnippet: 'nanoscope.copySnippet',
  saveReport: 'nanoscope.saveReport',
  openReport: 'nanoscope.openReport',
  breakOnFirstNaN: 'nanoscope.breakOnFirstNaN',
  goToSource: 'nanoscope.goToSource',
  recordModules: 'nanoscope.recordModules',
  showLog: 'nanoscope.showLog',
  openWalkthrough: 'nanoscope.openWalkthrough',
} as const;
export type CommandName = keyof typeof commandIds;

/** Set with `setContext`; used in `when` and `enablement` clauses. */
export const contextKeys = {
  /** A diagnosis or a comparison runs in some panel. */
  running: 'nanoscope.running',
  /** The panel in front (or the last one that was) has a report or a comparison. */
  hasReport: 'nanoscope.hasReport',
  /** That report was made without trying fixes, and its model can be run. */
  canTryFixes: 'nanoscope.canTryFixes',
  /** It has fixes that may be applied, and none is. */
  canFix: 'nanoscope.canFix',
  /** What it shows is a fixed model, and the fix can be taken back. */
  canUndo: 'nanoscope.canUndo',
  /** It shows NaN of a model that can be run. */
  canShrink: 'nanoscope.canShrink',
} as const;
export type ContextKey = keyof typeof contextKeys;

export const viewTypes = {
  diagnosis: 'nanoscope.diagnosis',
  /** The same panel as an editor of `.onnx` files, for whoever chooses it. */
  model: 'nanoscope.model',
} as const;

export const viewIds = {
  /** In the side bar of Run and Debug. */
  tensors: 'nanoscope.tensors',
} as const;

export const walkthroughId = 'start';

export const settingsSection = 'nanoscope';

/** Keys below `nanoscope.`, with the value that holds when the person set nothing. */
export interface Settings {
  readonly 'engine.level': EngineLevel;
  /** Empty: the editor's own Node. */
  readonly 'engine.nodePath': string;
  readonly 'engine.timeoutSeconds': number;
  /** 0: no limit. */
  readonly 'engine.memoryLimitMB': number;
  readonly 'fixes.runAutomatically': boolean;
  /** What reading a stopped program's tensors may take inside the program. */
  readonly 'debug.timeBudgetMs': number;
  /** What the axes of stored arrays are: rules as those of `nanoscope scan --axes`, with `;` between them. */
  readonly 'scan.axes': string;
  /** Name of the stored mask that tells padding from real tokens. Empty: none. */
  readonly 'scan.mask': string;
  /** Hazards of Python files in the Problems list. */
  readonly 'source.hazards': boolean;
  /** Ids of rules that are switched off. */
  readonly 'source.off': readonly string[];
}

interface SettingFacts<Value> {
  readonly default: Value;
  /** `machine`: never read from a workspace. */
  readonly scope: 'machine' | 'resource';
  /** Listed under `restrictedConfigurations`: ignored in an untrusted workspace. */
  readonly restricted: boolean;
  readonly values?: readonly Value[];
  /** Of a list: what may stand in it. */
  readonly items?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

export const settings: { readonly [Key in keyof Settings]: SettingFacts<Settings[Key]> } = {
  'engine.level': { default: 'all', scope: 'resource', restricted: false, values: engineLevels },
  'engine.nodePath': { default: '', scope: 'machine', restricted: true },
  'engine.timeoutSeconds': { default: 600, scope: 'resource', restricted: false, minimum: 1, maximum: 86_400 },
  'engine.memoryLimitMB': { default: 0, scope: 'resource', restricted: false, minimum: 0, maximum: 1_048_576 },
  'fixes.runAutomatically': { default: true, scope: 'resource', restricted: false },
  'debug.timeBudgetMs': { default: 1000, scope: 'resource', restricted: false, minimum: 50, maximum: 60_000 },
  'scan.axes': { default: '', scope: 'resource', restricted: false },
  'scan.mask': { default: '', scope: 'resource', restricted: false },
  'source.hazards': { default: true, scope: 'resource', restricted: false },
  'source.off': { default: [], scope: 'resource', restricted: false, items: rules.map(({ id }) => id) },
};
