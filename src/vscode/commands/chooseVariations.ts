/** What differs between the variants of a comparison: which settings, and which of their values. */
import * as vscode from 'vscode';
import {
  choicesOf,
  combined,
  parseVariation,
  variationKeys,
  variationTitles,
  type Variation,
  type VariationKey,
} from '../../core/compare/variations';
import { toPayload } from '../../core/errors';
import { builtinModels, parseBuiltin } from '../../core/models';
import { plainText } from '../plainText';

export interface VariationFacts {
  /** `builtin:…`, or null for a file. */
  readonly builtin: string | null;
  /** Ids of fixes that the model can have. */
  readonly fixes: readonly string[];
  /** Whether there is something to compare without any. */
  readonly optional: boolean;
}

/** @returns `undefined` when dismissed */
export async function chooseVariations(facts: VariationFacts): Promise<readonly Variation[] | undefined> {
  const keys = await chooseKeys(facts);
  if (!keys) return undefined;
  const variations: Variation[] = [];
  for (const key of keys) {
    const variation = key === 'lengths' ? await askLengths(variations) : await chooseValues(key, valuesOf(key, facts));
    if (!variation) return undefined;
    variations.push(variation);
  }
  return variations;
}

/** Questions that follow others stay where a page takes the focus back that it had before. */
async function chooseKeys(facts: VariationFacts): Promise<readonly VariationKey[] | undefined> {
  const offered = variationKeys.filter((key) => key === 'lengths' || valuesOf(key, facts).length > 1);
  const chosen = await vscode.window.showQuickPick(
    offered.map((key) => ({ label: key, detail: variationTitles[key], key })),
    {
      title: vscode.l10n.t('Compare: What Differs'),
      placeHolder: facts.optional
        ? vscode.l10n.t('Nothing besides the models, or also…')
        : vscode.l10n.t('Check one or several; several give every combination'),
      canPickMany: true,
      matchOnDetail: true,
      ignoreFocusOut: true,
    },
  );
  if (!chosen || (chosen.length === 0 && !facts.optional)) return undefined;
  return chosen.map(({ key }) => key);
}

/** What there is to choose from; none where the model has no choice. */
function valuesOf(key: VariationKey, { builtin, fixes }: VariationFacts): readonly string[] {
  switch (key) {
    case 'attention':
      return builtin === null ? ['as-is', 'written-out'] : attentionsOf(builtin);
    case 'fix':
      return fixes.length === 0 ? [] : ['none', ...fixes];
    case 'ranks':
    case 'shard':
      // A file is not cut into shards here; its shards are files of their own.
      return builtin === null ? [] : (choicesOf(key) ?? []);
    default:
      return choicesOf(key) ?? [];
  }
}

function attentionsOf(uri: string): readonly string[] {
  const { id } = parseBuiltin(uri);
  const option = builtinModels.find((model) => model.id === id)?.options.find(({ name }) => name === 'attention');
  return option?.allowed.split(' | ') ?? [];
}

async function chooseValues(key: VariationKey, values: readonly string[]): Promise<Variation | undefined> {
  const chosen = await vscode.window.showQuickPick(
    values.map((value) => ({ label: plainText(value, 200), value, picked: isUsual(key, value) })),
    {
      title: vscode.l10n.t('Compare: {0}', key),
      placeHolder: vscode.l10n.t('Which of them? The first is what the others are compared with'),
      canPickMany: true,
      ignoreFocusOut: true,
    },
  );
  return chosen && chosen.length > 0 ? { key, values: chosen.map(({ value }) => value) } : undefined;
}

/** More engine processes than this machine may have cores for are nothing to begin with. */
const isUsual = (key: VariationKey, value: string): boolean =>
  key === 'ranks' || key === 'stages' ? Number(value) <= 2 : key === 'shard' ? value === 'all' : true;

async function askLengths(others: readonly Variation[]): Promise<Variation | undefined> {
  const read = (text: string): Variation => {
    const variation = parseVariation(`lengths=${text}`);
    combined([...others, variation]);
    return variation;
  };
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Compare: {0}', 'lengths'),
    prompt: vscode.l10n.t('Batches, separated by slashes; the lengths of one batch are separated by commas'),
    value: '31/32/33',
    ignoreFocusOut: true,
    validateInput: (typed) => {
      try {
        read(typed);
        return null;
      } catch (error) {
        const { message, hint } = toPayload(error);
        return plainText(`${message} ${hint}`);
      }
    },
  });
  return text === undefined ? undefined : read(text);
}
