/** What the editor's own language features show of tensors while a program is stopped. */
import * as vscode from 'vscode';
import { hoverCard, inlineText } from '../../app/live/card';
import type { TensorWatch } from '../../app/live/tensorWatch';
import { expressionAt, gives, namesIn, type Expression, type Language } from '../../core/live/expression';
import { conditionOf, type LiveTensor } from '../../core/live/tensor';

/** Tensors with NaN whose positions are read for line ends; the others show how many elements. */
const mostDetails = 8;
/** What the editor asks and what it says of the frame may come in either order. */
const patienceMs = 1000;
/** Identifiers that the editor gives languages. */
const documents: Readonly<Record<Language, readonly string[]>> = {
  python: ['python'],
  javascript: ['javascript', 'javascriptreact', 'typescript', 'typescriptreact'],
};

export function registerLanguages(watch: TensorWatch, log: (what: string, error: unknown) => void): vscode.Disposable {
  return vscode.Disposable.from(registerLanguage('python', watch, log), registerLanguage('javascript', watch, log));
}

function registerLanguage(
  language: Language,
  watch: TensorWatch,
  log: (what: string, error: unknown) => void,
): vscode.Disposable {
  const selector = [...documents[language]];
  /** Nothing is shown for what cannot be read: the panel says why, and a hover must not nag. */
  const quietly = async <T>(what: string, work: () => Promise<T | undefined>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      log(what, error);
      return undefined;
    }
  };
  return vscode.Disposable.from(
    vscode.languages.registerEvaluatableExpressionProvider(selector, {
      // Without an expression the debugger shows no hover of its own, so that ours can be seen.
      provideEvaluatableExpression: async (document, position) => {
        const found = under(language, document, position);
        if (!found) return undefined;
        const tensor = await quietly('Hover', async () => isTensor(language, watch, found));
        return tensor === true
          ? undefined
          : new vscode.EvaluatableExpression(rangeOf(position.line, found), found.text);
      },
    }),
    vscode.languages.registerHoverProvider(selector, {
      provideHover: async (document, position) =>
        quietly('Hover', async () => {
          const found = under(language, document, position);
          if (!found || !(await isTensor(language, watch, found))) return undefined;
          const detail = await watch.detail(found.text);
          return detail
            ? new vscode.Hover(new vscode.MarkdownString(hoverCard(found.text, detail)), rangeOf(position.line, found))
            : undefined;
        }),
    }),
    vscode.languages.registerInlineValuesProvider(selector, {
      provideInlineValues: async (document, range, { frameId, stoppedLocation }) =>
        quietly('Inline values', async () =>
          (await watch.lookingAt(frameId, patienceMs))
            ? inlineValues(language, watch, document, range, stoppedLocation.end.line)
            : undefined,
        ),
    }),
  );
}

const under = (
  language: Language,
  document: vscode.TextDocument,
  { line, character }: vscode.Position,
): Expression | null => expressionAt(language, document.lineAt(line).text, character);

const rangeOf = (line: number, { from, to }: Expression): vscode.Range => new vscode.Range(line, from, line, to);

/** Whether the expression is a tensor of the frame, or a part of one; decided from what was read, without evaluating. */
async function isTensor(language: Language, watch: TensorWatch, { text }: Expression): Promise<boolean> {
  const scope = await watch.scope();
  return scope?.tensors.some(({ path }) => path !== null && gives(language, text, path)) === true;
}

async function inlineValues(
  language: Language,
  watch: TensorWatch,
  document: vscode.TextDocument,
  range: vscode.Range,
  stoppedLine: number,
): Promise<vscode.InlineValue[]> {
  const scope = await watch.scope();
  const locals = new Map<string, LiveTensor>(
    (scope?.tensors ?? []).flatMap((tensor) =>
      tensor.path !== null && tensor.origin === 'local' ? [[tensor.path, tensor]] : [],
    ),
  );
  const sick = [...locals.values()].filter((tensor) => conditionOf(tensor) === 'nan').slice(0, mostDetails);
  const details = new Map(
    await Promise.all(sick.map(async ({ path }) => [path, path === null ? null : await watch.detail(path)] as const)),
  );
  const values: vscode.InlineValue[] = [];
  // Where a person wants all variables, ours would take the place of the editor's own.
  const all = vscode.workspace.getConfiguration('debug', document).get('inlineValues') === 'on';
  // Lines below have not run yet: what stands there is of the turn before.
  for (let line = range.start.line; line <= Math.min(range.end.line, stoppedLine); line += 1) {
    for (const [name, place] of namesIn(language, document.lineAt(line).text)) {
      const tensor = locals.get(name);
      if (tensor) {
        const text = inlineText(name, tensor, details.get(name) ?? null);
        values.push(new vscode.InlineValueText(rangeOf(line, place), text));
      } else if (all) {
        values.push(new vscode.InlineValueVariableLookup(rangeOf(line, place), name));
      }
    }
  }
  return values;
}
