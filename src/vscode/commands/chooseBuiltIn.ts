/** Which built-in model, and with which options. */
import * as vscode from 'vscode';
import { toPayload } from '../../core/errors';
import { builtinModels, parseBuiltin, type BuiltinModel } from '../../core/models';
import type { Words } from './chooseModel';

type Values = ReadonlyMap<string, string>;

/** @returns `builtin:…`; `undefined` when dismissed */
export async function chooseBuiltIn(words: Words): Promise<string | undefined> {
  const model = await chooseModel(words);
  return model && chooseOptions(model, words);
}

async function chooseModel({ title }: Words): Promise<BuiltinModel | undefined> {
  const items = builtinModels.map((model) => ({
    label: model.title,
    description: model.id,
    detail: model.description,
    model,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: vscode.l10n.t('Which model?'),
    matchOnDescription: true,
    ignoreFocusOut: true,
  });
  return chosen?.model;
}

/** Shows what would run, with every option a row to change it; the first row runs it. */
async function chooseOptions(model: BuiltinModel, { action }: Words): Promise<string | undefined> {
  let values: Values = new Map();
  for (;;) {
    const { uri, title, options } = parseBuiltin(uriOf(model, values));
    const run = { label: `$(play) ${action}`, description: title, option: null };
    const rows = model.options.map((option) => ({
      label: option.name,
      description: String(options[option.name]),
      detail: option.allowed,
      option,
    }));
    const heading = { label: vscode.l10n.t('Options'), kind: vscode.QuickPickItemKind.Separator, option: null };
    const chosen = await vscode.window.showQuickPick([run, heading, ...rows], {
      title: model.title,
      placeHolder: vscode.l10n.t('Press Enter to go on, or choose an option to change it'),
      // The page that was in front may take the focus back between two questions.
      ignoreFocusOut: true,
    });
    if (!chosen) {
      return undefined;
    }
    if (chosen.option === null) {
      return uri;
    }
    const { name, allowed } = chosen.option;
    const value = await chooseValue(model, values, name, allowed, String(options[name]));
    values = value === undefined ? values : new Map([...values, [name, value]]);
  }
}

function chooseValue(
  model: BuiltinModel,
  values: Values,
  name: string,
  allowed: string,
  now: string,
): Thenable<string | undefined> {
  const choices = allowed.split(' | ');
  if (choices.length > 1) {
    return vscode.window.showQuickPick(choices, {
      title: `${model.title}: ${name}`,
      placeHolder: now,
      ignoreFocusOut: true,
    });
  }
  return vscode.window.showInputBox({
    title: `${model.title}: ${name}`,
    prompt: allowed,
    value: now,
    ignoreFocusOut: true,
    validateInput: (text) => problemOf(uriOf(model, new Map([...values, [name, text.trim()]]))),
  });
}

/** The model's own words for what is wrong, or `null`. */
function problemOf(uri: string): string | null {
  try {
    parseBuiltin(uri);
    return null;
  } catch (error) {
    const { message, hint } = toPayload(error);
    return `${message} ${hint}`;
  }
}

function uriOf(model: BuiltinModel, values: Values): string {
  const query = [...values].map(([name, value]) => `${name}=${value}`).join('&');
  return `builtin:${model.id}${query === '' ? '' : `?${query}`}`;
}
