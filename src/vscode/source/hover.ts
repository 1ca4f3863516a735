/**
 * On a hazard: what the rule is about and why it matters; on masks, softmaxes, attention and classes of modules: what
 * is known of them, why that matters, and what the last diagnosis or trace measured there.
 */
import * as vscode from 'vscode';
import { nameHover } from '../../app/names/nameHover';
import { code } from '../../app/render/escape';
import type { Found } from '../../app/source/openFile';
import { attributesBuilt, classAround } from '../../core/python/modules/locate';
import type { ClassOf } from '../../core/python/modules/classes';
import { rules } from '../../core/python/rules';
import { fieldOf, textOf } from '../../core/python/syntax';
import { nodeAt } from '../../core/python/fixes/source';
import { rangeOf, type SourceHazards } from './hazards';
import type { LastRun } from './lastRun';

export const registerHazardHover = (hazards: SourceHazards, lastRun: LastRun): vscode.Disposable =>
  vscode.languages.registerHoverProvider('python', {
    provideHover: (document, position) => {
      const found = hazards.of(document);
      if (!found) return undefined;
      const at = document.offsetAt(position);
      return (
        hazardCard(document, found, at, lastRun) ??
        landmarkCard(document, found, at, lastRun) ??
        classCard(document, found, at, lastRun)
      );
    },
  });

interface Range {
  readonly from: number;
  readonly to: number;
}

const within = (at: number, { from, to }: Range): boolean => from <= at && at <= to;

const hover = (document: vscode.TextDocument, place: Range, parts: readonly string[]): vscode.Hover =>
  new vscode.Hover(new vscode.MarkdownString(parts.join('\n\n')), rangeOf(document, place));

function hazardCard(document: vscode.TextDocument, found: Found, at: number, lastRun: LastRun): vscode.Hover | null {
  const here = found.hazards.filter((hazard) => within(at, hazard)).at(-1);
  const rule = rules.find(({ id }) => id === here?.rule);
  if (!here || !rule) return null;
  return hover(document, here, [`**${rule.title}**  \n${rule.why}`, ...figuresAround(document, found, here, lastRun)]);
}

/** What was measured of the module that a place is in. */
function figuresAround(
  document: vscode.TextDocument,
  found: Found,
  { from, to }: Range,
  lastRun: LastRun,
): readonly string[] {
  const node = nodeAt(found.tree, from, to);
  const owner = node && classAround(found.classes, node);
  if (!owner) return [];
  const line = document.positionAt(from).line + 1;
  // The editor shows the card of a line that is marked on its own.
  return lastRun.notes(document).some((note) => note.line === line) ? [] : figuresOf(found, owner, lastRun);
}

function landmarkCard(document: vscode.TextDocument, found: Found, at: number, lastRun: LastRun): vscode.Hover | null {
  const here = found.landmarks.find((landmark) => within(at, landmark));
  const rule = rules.find(({ id }) => id === here?.rule);
  if (!here || !rule) return null;
  const figures = here.kind === 'mask' ? [] : figuresAround(document, found, here, lastRun);
  return hover(document, here, [`${here.said}\n\n${rule.why}`, ...figures]);
}

/** The name of a class behind `class`. */
function classCard(document: vscode.TextDocument, found: Found, at: number, lastRun: LastRun): vscode.Hover | null {
  for (const owner of found.classes.classes.values()) {
    const name = fieldOf(owner.node, 'name');
    if (!name || !within(at, name)) continue;
    const figures = figuresOf(found, owner, lastRun);
    return figures.length > 0 ? hover(document, name, figures) : null;
  }
  return null;
}

/** What was measured of the modules that a class is built as in this file. */
function figuresOf(found: Found, owner: ClassOf, { report }: LastRun): readonly string[] {
  if (!report) return [];
  const built = attributesBuilt(found.classes, owner.name).flatMap(
    (name) => nameHover(report, { text: name, as: 'attribute' }) ?? [],
  );
  const [figures] = built;
  const name = code(textOf(found.tree, fieldOf(owner.node, 'name') ?? owner.node));
  return figures === undefined ? [] : [`${name} is ${figures}`];
}
