/** The operation that made a NaN, with the numbers that it read: `0 ∘ +inf = NaN`, and where. Pure but for the view. */
import { html, nothing, type TemplateResult } from 'lit';
import type { EvidenceValue, Finding, JsonNumber } from '../../src/core/report';
import { figure, nameOf, plural } from '../shared/text';

export interface Operand {
  readonly value: JsonNumber;
  /** Tensor that it was read from; null where the report does not say. */
  readonly tensor: string | null;
}

export interface FormulaLine {
  /** Between two operands: `×`; before one: `log`. */
  readonly symbol: string;
  readonly infix: boolean;
  readonly operands: readonly Operand[];
  readonly result: JsonNumber;
  /** `sample 0, position 3, element [0, 3, 7]`. */
  readonly where: string;
  /** `224 elements alike`, or nothing. */
  readonly more: string;
}

const infixes: Readonly<Record<string, string>> = {
  Mul: '×',
  MatMul: '×',
  Gemm: '×',
  Einsum: '×',
  Conv: '×',
  Add: '+',
  Sum: '+',
  Sub: '−',
  Div: '/',
  Pow: '^',
};
const prefixes: Readonly<Record<string, string>> = { Log: 'log', Sqrt: '√' };

/** Evidence that `formulas` has put into words, so that nobody reads it twice. */
export const toldByFormulas: readonly string[] = ['examples', 'operands', 'nanElements', 'overflow', 'from'];

export function formulas(finding: Pick<Finding, 'evidence' | 'op'>): readonly FormulaLine[] {
  const { evidence } = finding;
  const step = object(evidence['overflow']) ?? object(evidence['from']);
  if (step !== null) {
    const values = numbers(step['values']);
    const op = typeof step['op'] === 'string' ? step['op'] : '';
    const key = step['key'];
    return values === null
      ? []
      : [
          line(op, values, names(step['tensors']), {
            result: number(step['result']) ?? 'NaN',
            where: typeof key === 'number' ? `key ${String(key)}` : '',
            more: '',
          }),
        ];
  }
  const examples = evidence['examples'];
  if (!Array.isArray(examples)) {
    return [];
  }
  const tensors = names(evidence['operands']);
  return examples.flatMap((entry: EvidenceValue) => {
    const example = object(entry);
    if (example === null) {
      return [];
    }
    // A product's term: the place of the whole sum stands beside the terms.
    const factors = numbers(example['factors']);
    if (factors !== null) {
      return [
        line(finding.op ?? '', factors, tensors, {
          result: number(example['product']) ?? 'NaN',
          where: [place(evidence), typeof example['k'] === 'number' ? `term ${String(example['k'])}` : '']
            .filter((part) => part !== '')
            .join(', '),
          more: '',
        }),
      ];
    }
    const values = numbers(example['values']);
    const elements = example['elements'];
    return values === null
      ? []
      : [
          line(finding.op ?? '', values, tensors, {
            result: 'NaN',
            where: place(example),
            more: typeof elements === 'number' && elements > 1 ? `${String(elements)} elements alike` : '',
          }),
        ];
  });
}

function line(
  op: string,
  values: readonly JsonNumber[],
  tensors: readonly string[],
  rest: Pick<FormulaLine, 'result' | 'where' | 'more'>,
): FormulaLine {
  const infix = infixes[op];
  const operands = values.map((value, i): Operand => ({ value, tensor: tensors[i] ?? null }));
  const [only] = operands;
  return {
    // x − x reads one tensor twice.
    operands: infix !== undefined && only !== undefined && operands.length === 1 ? [only, only] : operands,
    symbol: infix ?? prefixes[op] ?? op,
    infix: infix !== undefined,
    ...rest,
  };
}

function place(of: Readonly<Record<string, EvidenceValue>>): string {
  const { sample, position, at } = of;
  return [
    typeof sample === 'number' ? `sample ${String(sample)}` : '',
    typeof position === 'number' ? `position ${String(position)}` : '',
    Array.isArray(at) ? `element [${at.map(String).join(', ')}]` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/**
 * @param rowOfTensor what to do when a person asks for an operand; null where the table has no row of it
 */
export function formulasView(
  lines: readonly FormulaLine[],
  rowOfTensor: (tensor: string) => (() => void) | null,
): TemplateResult {
  return html`<ul class="formulas">
    ${lines.map(
      (entry) =>
        html`<li>
          <span class="sum">${sumView(entry, rowOfTensor)}</span>
          <span class="quiet at">${[entry.where, entry.more].filter((part) => part !== '').join('; ')}</span>
        </li>`,
    )}
  </ul>`;
}

/** With spaces in the text, so that what is copied or read aloud is a formula too. */
function sumView(entry: FormulaLine, rowOfTensor: (tensor: string) => (() => void) | null): TemplateResult {
  const between = entry.infix ? ` ${entry.symbol} ` : ', ';
  const op = (text: string): TemplateResult => html`<span class="op">${text}</span>`;
  return html`${entry.infix ? nothing : op(`${entry.symbol}(`)}${entry.operands.map(
      (operand, i) => html`${i === 0 ? nothing : op(between)}${operandView(operand, rowOfTensor)}`,
    )}${entry.infix ? nothing : op(')')}${op(' = ')}<span class="operand result"
      ><span class="value">${signed(entry.result)}</span></span
    >`;
}

function operandView({ value, tensor }: Operand, rowOfTensor: (tensor: string) => (() => void) | null): TemplateResult {
  const go = tensor === null ? null : rowOfTensor(tensor);
  return html`<span class="operand"
    ><span class="value">${signed(value)} </span>${
      tensor === null
        ? nothing
        : go === null
          ? html`<span class="from quiet">${nameOf(tensor)}</span>`
          : html`<button class="link from" title="Show this tensor in the table" @click=${go}>
              ${nameOf(tensor)}
            </button>`
    }</span
  >`;
}

const signed = (value: JsonNumber): string =>
  value === 'Infinity' ? '+inf' : value === '-Infinity' ? '−inf' : figure(value, 6);

export const nanElementsText = (finding: Pick<Finding, 'evidence'>): string => {
  const count = finding.evidence['nanElements'];
  return typeof count === 'number'
    ? `${plural(count, 'element')} of the result ${count === 1 ? 'is' : 'are'} NaN.`
    : '';
};

const object = (value: EvidenceValue | undefined): Readonly<Record<string, EvidenceValue>> | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, EvidenceValue>>)
    : null;

const words: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity']);
function number(value: EvidenceValue | undefined): JsonNumber | null {
  return typeof value === 'number' || (typeof value === 'string' && words.has(value)) ? (value as JsonNumber) : null;
}
function numbers(value: EvidenceValue | undefined): readonly JsonNumber[] | null {
  if (!Array.isArray(value) || value.length === 0) {
    return null;
  }
  const found = value.map((entry: EvidenceValue) => number(entry));
  return found.some((entry) => entry === null) ? null : found.filter((entry) => entry !== null);
}
const names = (value: EvidenceValue | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
