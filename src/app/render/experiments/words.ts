/** What is said of experiments, the same in a terminal and in Markdown. */
import { pytorchVersion } from '../../../core/experiments/recorded';
import type { Check, ExperimentResult } from '../../../core/experiments/types';

export const checkHeads = ['', 'then', 'measured', `PyTorch ${pytorchVersion}`] as const;

/** How a check is marked; what was not said then has no mark. */
export const checkMarks: Readonly<Record<Check['verdict'], string>> = {
  agrees: '=',
  disagrees: '≠',
  differs: '~',
  measured: ' ',
};

/** `All 12 outcomes are as then; ONNX Runtime differs from PyTorch in 1.` */
export function outcomeSentence({ checks }: Pick<ExperimentResult, 'checks'>): string {
  const said = checks.filter(({ expected }) => expected !== null);
  const wrong = said.filter(({ verdict }) => verdict === 'disagrees').length;
  const known = said.filter(({ verdict }) => verdict === 'differs').length;
  const apart = apartFromPyTorch(checks).length;
  const agreeing = said.length - wrong - known;
  const unexplained = checks.filter(({ expected, verdict }) => expected === null && verdict === 'disagrees').length;
  return [
    said.length === 0
      ? 'Nothing was measured of this then.'
      : wrong === 0 && known === 0
        ? `As found then${said.length === 1 ? '' : `, in all ${String(said.length)} outcomes`}.`
        : `As found then in ${String(agreeing)} of ${String(said.length)} outcomes${wrong > 0 ? `; ${String(wrong)} ${wrong === 1 ? 'is' : 'are'} not` : ''}.`,
    ...(unexplained > 0 ? [`${String(unexplained)} ${unexplained === 1 ? 'is' : 'are'} not as it is explained.`] : []),
    ...(known > 0 ? [`In ${String(known)} the engine is known to behave differently (marked ~).`] : []),
    ...(apart > 0 ? [`ONNX Runtime and PyTorch ${pytorchVersion} differ in ${String(apart)}:`] : []),
  ].join(' ');
}

/** `Attention (opset 23), boolean mask: zeros, where PyTorch 1.13 gives NaN`, of each outcome in which the two differ. */
export const apartFromPyTorch = (checks: readonly Check[]): string[] =>
  checks.flatMap(({ what, measured, pytorch }) =>
    pytorch === null || measured === pytorch
      ? []
      : [`${what}: ${measured}, where PyTorch ${pytorchVersion} gives ${pytorch}`],
  );

export const explanationWords = { confirmed: 'Confirmed', corrected: 'Corrected', open: 'Open' } as const;
