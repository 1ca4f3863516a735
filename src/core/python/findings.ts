/** The hazards of one file. */
import { PythonFile, type Reached } from './evaluate/file';
import { Landmarks, type Landmark } from './landmarks';
import { rules, type Rule, type Severity } from './rules';
import type { Clue, EventName, Events, FileFacts, Teller } from './rules/types';
import { silences } from './silence';
import { textOf, type PythonTree, type Syntax } from './syntax';
import type { SoftmaxSite } from './values';

export interface Hazard {
  readonly rule: string;
  readonly severity: Severity;
  readonly message: string;
  /** UTF-16 offsets. */
  readonly from: number;
  readonly to: number;
  readonly clue: Clue;
}

/** Words without which no rule finds anything: other files need not be parsed. */
const words =
  /softmax|-\s*(float|math|torch|np)?\.?\(?["']?inf|finfo|masked_fill|scaled_dot_product|MultiheadAttention|Transformer(En|De)coder|nan_to_num|padding_side|allow_torch_fix|isnan|sqrt|\blog|\.exp\(|exp\(|norm\(|\.std\(|\.var\(|\.mean\(|\.sum\(|\.half\(|float16|\*\*\s*-?0?\.\d/;

export const mayHaveHazards = (text: string): boolean => words.test(text);

interface Seen {
  readonly hazard: Hazard;
  readonly from: Reached;
  readonly unless: () => boolean;
}

/** What one look at a file tells. */
export interface Examined {
  /** In the order of the text. */
  readonly hazards: readonly Hazard[];
  /** Masks, softmaxes and attention, in the order of the text. */
  readonly landmarks: readonly Landmark[];
}

/** @param off ids of rules that are switched off. @returns an iterator as `examine` */
export function* findHazards(tree: PythonTree, off?: ReadonlySet<string>): Generator<void, readonly Hazard[]> {
  const { hazards } = yield* examine(tree, off);
  return hazards;
}

/**
 * @param off ids of rules that are switched off
 * @returns an iterator that pauses between functions; its last value is what was found
 */
export function* examine(tree: PythonTree, off: ReadonlySet<string> = new Set()): Generator<void, Examined> {
  const landmarks = new Landmarks(tree);
  const on = rules.filter(({ id }) => !off.has(id));
  const seen = new Map<string, Seen[]>();
  const softmaxes: { readonly site: SoftmaxSite; readonly from: Reached }[] = [];
  const facts = { leftPadding: [] as Syntax[], positionsByArange: [] as Syntax[], eager: false };
  const followed = new Set<Syntax>();

  const teller = (rule: Rule, from: Reached): Teller => ({
    text: (node) => textOf(tree, node),
    tell: (node, message, clue = {}, { severity = rule.severity, unless = () => false } = {}) => {
      const key = `${rule.id} ${String(node.from)} ${String(node.to)}`;
      const hazard = { rule: rule.id, severity, message, from: node.from, to: node.to, clue };
      seen.set(key, [...(seen.get(key) ?? []), { hazard, from, unless }]);
    },
  });

  const file = new PythonFile(tree, {
    see: (name, event, from) => {
      if (from.called && from.definition) followed.add(from.definition);
      note(name, event);
      landmarks.see(name, event, from.called);
      for (const rule of on) tellRule(rule, name, event, teller(rule, from));
    },
    softmax: (site, from) => {
      if (from.called && from.definition) followed.add(from.definition);
      softmaxes.push({ site, from });
      landmarks.softmax(site, from.called);
    },
  });

  function note<Name extends EventName>(name: Name, event: Events[Name]): void {
    const text = (node: Syntax): string => textOf(tree, node);
    if (name === 'assigned') {
      const { target, value, valueNode } = event as Events['assigned'];
      if (target.endsWith('padding_side') && value.text === 'left') facts.leftPadding.push(valueNode);
      if (/(^|\.)position_ids$/.test(target) && value.arange) facts.positionsByArange.push(valueNode);
      if (target.endsWith('attn_implementation') && value.text === 'eager') facts.eager = true;
    }
    if (name === 'called')
      for (const given of (event as Events['called']).given) {
        if (given.name === 'padding_side' && given.value.text === 'left') facts.leftPadding.push(given.node);
        if (given.name === 'position_ids' && given.value.arange && text(given.node).includes('arange'))
          facts.positionsByArange.push(given.node);
        if (given.name === 'attn_implementation' && given.value.text === 'eager') facts.eager = true;
      }
  }

  yield* file.read();
  yield;
  const counts = ({ definition, called }: Reached): boolean =>
    called || definition === null || !followed.has(definition);
  const whole: FileFacts = {
    ...facts,
    softmaxes: softmaxes.filter(({ from }) => counts(from)).map(({ site }) => site),
  };
  for (const rule of on) rule.atEnd?.(whole, teller(rule, { definition: null, called: true }));

  yield;
  const silent = silences(tree);
  yield;
  const hazards = [...seen.values()]
    .flatMap((all) => all.filter(({ from, unless }) => counts(from) && !unless()).slice(0, 1))
    .map(({ hazard }) => hazard)
    .filter((hazard) => !silent(hazard))
    .sort((a, b) => a.from - b.from || a.to - b.to);
  return { hazards, landmarks: landmarks.all() };
}

function tellRule<Name extends EventName>(rule: Rule, name: Name, event: Events[Name], teller: Teller): void {
  const listener = rule.on?.[name] as ((event: Events[Name], teller: Teller) => void) | undefined;
  listener?.(event, teller);
}
