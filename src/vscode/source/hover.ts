/** On a hazard: what the rule is about and why it matters. The problem itself says what is wrong in this place. */
import * as vscode from 'vscode';
import { rules } from '../../core/python/rules';
import { rangeOf, type SourceHazards } from './hazards';

export const registerHazardHover = (hazards: SourceHazards): vscode.Disposable =>
  vscode.languages.registerHoverProvider('python', {
    provideHover: (document, position) => {
      const here = hazards
        .of(document)
        ?.hazards.filter((hazard) => rangeOf(document, hazard).contains(position))
        .at(-1);
      const rule = rules.find(({ id }) => id === here?.rule);
      if (!here || !rule) return undefined;
      return new vscode.Hover(new vscode.MarkdownString(`**${rule.title}**  \n${rule.why}`), rangeOf(document, here));
    },
  });
