/** *Diagnose Built-in Model…*: which one, and with which options. */
import * as vscode from 'vscode';
import { toPayload } from '../../core/errors';
import { builtinModels, parseBuiltin, type BuiltinModel } from '../../core/models';
import type { Report } from '../../core/report';
import { requireTrust } from '../log';
import type { Panels } from '../panel/panels';

type Values = ReadonlyMap<string, string>;

export async function diagnoseBuiltIn(panels: Panels): Promise<Report | undefined> {
  requireTrust();
  const model = await chooseModel();
  const uri = model && (await chooseOptions(model));
  if (uri === undefined) {
    return undefined;
  }
  const { session } = panels.reveal({ kind: 'built-in', model: uri });
  return session.run();
}

async function chooseModel(): Promise<BuiltinModel | undefined> {
  const items = builtinModels.map((model) => ({
    label: model.title,
    description: model.id,
    detail: model.description,
    model,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Diagnose Built-in Model'),
    placeHolder: vscode.l10n.t('Which model?'),
    matchOnDescription: true,
  });
  return chosen?.model;
}

/** Shows what would run, with every option a row to change it; the first row runs it. */
async function chooseOptions(model: BuiltinModel): Promise<string | undefined> {
  let values: Values = new Map();
  for (;;) {
    const { uri, title, options } = parseBuiltin(uriOf(model, values));
    const run = { label: `$(play) ${vscode.l10n.t('Diagnose')}`, description: title, option: null };
    const rows = model.options.map((option) => ({
      label: option.name,
      description: String(options[option.name]),
      detail: option.allowed,
      option,
    }));
    const heading = { label: vscode.l10n.t('Options'), kind: vscode.QuickPickItemKind.Separator, option: null };
    const chosen = await vscode.window.showQuickPick([run, heading, ...rows], {
      title: model.title,
      placeHolder: vscode.l10n.t('Press Enter to diagnose, or choose an option to change it'),
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
    return vscode.window.showQuickPick(choices, { title: `${model.title}: ${name}`, placeHolder: now });
  }
  return vscode.window.showInputBox({
    title: `${model.title}: ${name}`,
    prompt: allowed,
    value: now,
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
