/** Typed reading of the settings; a value of the wrong kind falls back to the default, as the manifest says. */
import * as vscode from 'vscode';
import type { EngineOptions } from '../app/ports';
import { settings, settingsSection, type Settings } from './contributions';

/** Each read is fresh, so a change holds from the next run on. */
export function readSetting<Key extends keyof Settings>(key: Key, scope?: vscode.Uri): Settings[Key] {
  const facts = settings[key];
  const value = vscode.workspace.getConfiguration(settingsSection, scope ?? null).get<unknown>(key);
  return accepts(facts, value) ? value : facts.default;
}

export function engineOptions(scope?: vscode.Uri): EngineOptions {
  const nodePath = readSetting('engine.nodePath', scope).trim();
  const megabytes = readSetting('engine.memoryLimitMB', scope);
  return {
    timeoutMs: readSetting('engine.timeoutSeconds', scope) * 1000,
    ...(nodePath === '' ? {} : { nodePath }),
    ...(megabytes === 0 ? {} : { memoryLimitBytes: megabytes * 1024 * 1024 }),
  };
}

interface Facts<Value> {
  readonly default: Value;
  readonly values?: readonly Value[];
  readonly items?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

function accepts<Value>(facts: Facts<Value>, value: unknown): value is Value {
  if (typeof value !== typeof facts.default) {
    return false;
  }
  if (facts.items !== undefined) {
    const { items } = facts;
    return Array.isArray(value) && value.every((one) => typeof one === 'string' && items.includes(one));
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) && value >= (facts.minimum ?? -Infinity) && value <= (facts.maximum ?? Infinity);
  }
  return facts.values === undefined || facts.values.some((allowed) => allowed === value);
}
