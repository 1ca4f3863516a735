/** `nanoscope look`: what the masks alone say of padding; the model itself is not run. */
import { attentionText } from '../app/render/findings';
import { lookLines } from '../app/render/terminal';
import { visible } from '../app/render/text';
import { NanoscopeError } from '../core/errors';
import { isBuiltin } from '../core/models';
import { lengthSpec, type BatchOptions } from './arguments';
import type { Context, ExitCode } from './context';
import { jsonText } from './output';

export interface LookOptions extends BatchOptions {
  readonly mask?: string | undefined;
  readonly cast?: 'float32' | undefined;
  readonly json?: true | undefined;
}

/** @throws NanoscopeError */
export async function lookCommand(context: Context, model: string, options: LookOptions): Promise<ExitCode> {
  const { terminal, signal, work } = context;
  const path = (text: string): string => context.resolvePath(text);
  const result = await work.staticLook(
    context.createDeps({}),
    {
      model: isBuiltin(model) ? model : path(model),
      ...(options.inputs !== undefined && { inputsFile: path(options.inputs) }),
      lengths: lengthSpec(options),
      mask: options.mask,
      cast: options.cast,
    },
    signal,
  );
  if (result.staticLook.masks.length === 0)
    throw new NanoscopeError(
      'bad-input',
      'No attention was found in this model, so there is no mask to look at.',
      'Attention inside bodies of If, Loop or Scan is not seen from outside; nanoscope diagnose looks there.',
    );
  const { outStyle: style, width } = terminal;
  const { paddingInputs } = result.staticLook;
  const about = result.model;
  const layers = `${String(about.layers)} ${about.layers === 1 ? 'layer' : 'layers'}`;
  const head =
    `${style.strong(visible(about.name))}  opset ${String(about.opset)}, ${layers}, ` +
    `${visible(attentionText(result))}; padding is told by ${visible(paddingInputs.join(', ') || 'no input')}`;
  await terminal.out(
    options.json === true
      ? jsonText(result)
      : `${[head, ...lookLines(result.staticLook, { style, width })].join('\n')}\n`,
  );
  return 0;
}
