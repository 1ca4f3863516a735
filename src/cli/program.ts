/** The command line's grammar. What a command does is in a file of its own. */
import { Command, Option } from 'commander';
import { variationKeys, variationTitles } from '../core/compare/variations';
import { shardings } from '../core/parallel/settings';
import { engineLevels } from '../core/report';
import {
  parseLayers,
  collectAxes,
  parseLengths,
  parseMask,
  parseMemoryLimit,
  parsePadId,
  parseRanks,
  parseRows,
  parseSeed,
  parseTimeout,
} from './arguments';
import { compareCommand, type CompareOptions, type ComparisonFormat } from './compareCommand';
import type { Context, ExitCode } from './context';
import { diagnoseCommand, type DiagnoseOptions } from './diagnoseCommand';
import { diffCommand } from './diffCommand';
import { experimentCommand, type ExperimentOptions } from './experimentCommand';
import { explainCommand, type ExplainOptions } from './explainCommand';
import { shrinkCommand, type ShrinkOptions } from './shrinkCommand';
import { fixCommand, type FixOptions } from './fixCommand';
import { lintCommand, type LintOptions } from './lintCommand';
import { lookCommand, type LookOptions } from './lookCommand';
import { scanCommand, type ScanCommandOptions } from './scanCommand';
import { modelsCommand, saveCommand, undoCommand, type FormatOptions, type SaveOptions } from './otherCommands';

const compareHelp = `
What can be varied, several together for every combination (a word alone: all of its values):
${variationKeys.map((key) => `  ${key.padEnd(10)} ${variationTitles[key]}`).join('\n')}

Examples:
  $ nanoscope compare model.onnx padding=left,right,none
  $ nanoscope compare eager.onnx sdpa.onnx --lengths 5,35
  $ nanoscope compare "builtin:kimi-k2-mini?layers=61" ranks=1,8 --rows 1,15,33
  $ nanoscope compare model.onnx fix=none,unmask-rows --differences

Exit codes of compare:
  0  the variants show the same NaN  2  bad usage or input
  1  they differ                     3  the engine failed, or the run was cancelled`;

const diffHelp = `
Exit codes of diff:
  0  nothing became worse            2  bad usage or input
  1  something became worse`;

const experimentHelp = `
Marks: = as found then, ≠ not so, ~ the engine is known to behave differently; no mark: nothing was said then.

Exit codes of experiment:
  0  all outcomes are as found then  2  bad usage or input
  1  some are not                    3  the engine failed, or the run was cancelled`;

const examples = `
Examples:
  $ nanoscope diagnose model.onnx                              a batch of 5 and 35 tokens, left padded
  $ nanoscope diagnose model.onnx --inputs batch.npz           your own batch: .npz, .npy, .json or .pb
  $ nanoscope diagnose model.onnx --lengths 3,7,0 --pad right  three samples, the last of them empty
  $ nanoscope diagnose model.onnx --json --no-fixes > report.json
  $ nanoscope diagnose model.onnx --apply unmask-rows          writes model.fixed.onnx and diagnoses it
  $ nanoscope undo model.fixed.onnx
  $ nanoscope shrink model.onnx                                the smallest model that shows it, for a bug report
  $ nanoscope fix model.onnx unmask-rows --preview             the nodes that would change
  $ nanoscope fix model.onnx unmask-rows --in-place            undone with: nanoscope undo model.onnx
  $ nanoscope explain fully-masked-row
  $ nanoscope lint src train.py                                hazards in Python source, before anything runs
  $ nanoscope scan results                                     which stored arrays hold NaN: .npy, .npz, .safetensors
  $ nanoscope look model.onnx                                  which padding can mask a whole row, without a run
  $ nanoscope diagnose "builtin:kimi-k2-mini?layers=61" --rows 1,15,33

Exit codes of diagnose:
  0  no NaN is born                 2  bad usage or input
  1  NaN is born, even at padding   3  the engine failed, or the run was cancelled
With --apply, the code is that of the patched copy.`;

const scanCodes = `
Exit codes of scan:
  0  no NaN                         2  wrong usage, or no NaN and a file that is damaged
  1  NaN in some file               3  cancelled, or NaNoscope failed
Infinities alone end with 0.`;

/**
 * @param args what was typed after `nanoscope`; reports tell how to repeat them
 * @param done is called with the exit code of the command that ran
 */
export function createProgram(context: Context, args: readonly string[], done: (code: ExitCode) => void): Command {
  const program = new Command('nanoscope')
    .description('See where NaN begins: runs an attention model, shows where NaN is born, why, and which fix heals.')
    .version(context.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', examples)
    .showSuggestionAfterError(true);

  withBatch(
    program
      .command('diagnose')
      .description('run a model on a batch and show where NaN is born, how it spreads and what heals it')
      .argument('<model>', 'an .onnx file, or a built-in model such as builtin:kimi-k2-mini'),
  )
    .addOption(
      new Option('--level <level>', 'optimization level that your own runs use, compared with the measuring run')
        .choices(engineLevels)
        .default('all'),
    )
    .addOption(
      new Option('--cast <type>', 'run a bfloat16 model in this type, which the CPU can compute in').choices([
        'float32',
      ]),
    )
    .option('--expand-attention', 'write fused attention out in plain operators and diagnose that; without fixes')
    .option('--json', 'print the report as one JSON document, failures included')
    .option('--markdown', 'print the report as Markdown')
    .option('--no-fixes', 'do not try fixes')
    .option('--apply <fix>', 'write a copy with this fix and diagnose the copy')
    .option('--out <file>', 'where --apply writes (default: <name>.fixed.onnx beside the model)')
    .addOption(
      new Option('--weights <how>', 'big weights of the copy: refer to the original file, or copy them').choices([
        'reference',
        'copy',
      ]),
    )
    .option('--rows <layers>', 'show these layers only, such as 1,15,33 or 0-3', parseRows)
    .option('--all-rows', 'show every row, inputs of sublayers too, and fold nothing')
    .option('--timeout <seconds>', 'end the engine after this time (default: 600)', parseTimeout)
    .option('--memory-limit <megabytes>', 'end the engine when it uses more memory than this', parseMemoryLimit)
    .addHelpText('after', examples)
    .action(async (model: string, options: DiagnoseOptions) => {
      done(await diagnoseCommand(context, model, options, args));
    });

  withComparisonFormat(
    withLimits(
      withBatch(
        program
          .command('compare')
          .description('run variants of a model, a batch or an engine setting and lay them side by side')
          .argument('<what...>', 'models, and what to vary: padding=left,right,none'),
      ),
    ),
  )
    .addHelpText('after', compareHelp)
    .action(async (what: readonly string[], options: CompareOptions) => {
      done(await compareCommand(context, what, options));
    });

  withComparisonFormat(
    program
      .command('diff')
      .description('compare two saved reports (diagnose --json): what became worse, what became better')
      .argument('<before>', 'a saved report, or a recorded trace')
      .argument('<after>', 'a later one'),
  )
    .addHelpText('after', diffHelp)
    .action(async (before: string, after: string, options: ComparisonFormat) => {
      done(await diffCommand(context, [before, after], options));
    });

  program
    .command('experiment')
    .description('run the experiments of the investigation again: what was found then, what is measured now')
    .argument('[names...]', 'such as nan-trace; without a name, all of them are listed')
    .option('--all', 'run every experiment')
    .option('--layers <n>', 'layers of the model (default: 61, as then)', parseLayers)
    .option('--lengths <n,n,…>', 'sequences that extraction-plan plans for', parseLengths)
    .option('--rows <layers>', 'layers that a comparison shows, such as 1,15,33', parseRows)
    .option('--json', 'print one JSON document, failures included')
    .option('--markdown', 'print Markdown')
    .option('--timeout <seconds>', 'end each engine process after this time (default: 600)', parseTimeout)
    .addHelpText('after', experimentHelp)
    .action(async (names: readonly string[], options: ExperimentOptions) => {
      done(await experimentCommand(context, names, options));
    });

  program
    .command('lint')
    .description('find hazards in Python source before anything runs: masks, softmax, roots, divisions, padding')
    .argument('[paths...]', 'files, and folders that are searched for .py files')
    .option('--off <rule,rule,…>', 'rules that are not asked', (list: string) => list.split(',').map((id) => id.trim()))
    .option('--rules', 'print every rule and why it matters')
    .option('--json', 'print one JSON document, failures included')
    .option('--sarif', 'print SARIF 2.1.0, which code hosts show beside the lines of a change')
    .action(async (paths: readonly string[], options: LintOptions) => {
      done(await lintCommand(context, paths, options));
    });

  program
    .command('scan')
    .description(
      'say which stored arrays hold NaN or infinities: .npy, .npz, .safetensors; files stream by, no code runs',
    )
    .argument('[paths...]', 'files, and folders that are searched for the three endings')
    .option(
      '--axes <[name=]axes>',
      'what axes are: batch,position,* or hidden.*=batch,position,…; repeatable',
      collectAxes,
    )
    .option('--mask <name[:inverted]>', 'tensor [batch, position] in each file that tells padding from real', parseMask)
    .option('--all', 'list every tensor and file, clean ones too')
    .option('--json', 'print one JSON document, failures included')
    .option('--markdown', 'print Markdown')
    .addHelpText('after', scanCodes)
    .action(async (paths: readonly string[], options: ScanCommandOptions) => {
      done(await scanCommand(context, paths, options));
    });

  program
    .command('look')
    .description('say which padding can mask a whole row of attention; only the masks are run, not the model')
    .argument('<model>', 'an .onnx file, or a built-in model such as builtin:kimi-k2-mini')
    .option('--inputs <path>', 'the batch whose shape counts: .npz, .npy, .json or .pb, or a folder of ONNX test data')
    .option('--lengths <n,n,…>', 'real tokens per sample (default: 5,35)', parseLengths)
    .addOption(new Option('--pad <side>', 'where padding goes (default: left)').choices(['left', 'right', 'none']))
    .option('--mask <name[:inverted]>', 'the mask input, :inverted where true or 1 means padding', parseMask)
    .addOption(new Option('--cast <type>', 'read a bfloat16 model in this type').choices(['float32']))
    .option('--json', 'print one JSON document')
    .action(async (model: string, options: LookOptions) => {
      done(await lookCommand(context, model, options));
    });

  withBatch(
    program
      .command('fix')
      .description('write a fix into a copy of the model, or into the model itself; show before what it would change')
      .argument('<model>', 'an .onnx file, or a built-in model (then --out says where to write)')
      .argument('<fix>', 'such as unmask-rows; several one after the other: unmask-rows+clean-weights'),
  )
    .option('--preview', 'print the nodes that would change, and write nothing')
    .option('--snippet', 'print the fix as PyTorch, and where it goes in the source; fixes of the batch too')
    .option('--in-place', 'change the model itself; the original is kept beside it, and undo puts it back')
    .option('--out <file>', 'where the copy is written (default: <name>.fixed.onnx beside the model)')
    .addOption(
      new Option('--weights <how>', 'big weights of the copy: refer to the original file, or copy them').choices([
        'reference',
        'copy',
      ]),
    )
    .option('--json', 'print one JSON document, failures included')
    .option('--timeout <seconds>', 'end the engine after this time (default: 600)', parseTimeout)
    .option('--memory-limit <megabytes>', 'end the engine when it uses more memory than this', parseMemoryLimit)
    .action(async (model: string, fix: string, options: FixOptions) => {
      done(await fixCommand(context, model, fix, options));
    });

  withBatch(
    program
      .command('shrink')
      .description('write the smallest model and batch that still show the same NaN, with a report, for a bug report')
      .argument('<model>', 'an .onnx file, or a built-in model such as builtin:kimi-k2-mini'),
  )
    .option('--out <folder>', 'a new or empty folder (default: <name>.shrunk beside the model)')
    .option('--json', 'print one JSON document, failures included')
    .option('--timeout <seconds>', 'end the engine after this time (default: 600)', parseTimeout)
    .option('--memory-limit <megabytes>', 'end the engine when it uses more memory than this', parseMemoryLimit)
    .action(async (model: string, options: ShrinkOptions) => {
      done(await shrinkCommand(context, model, options));
    });

  program
    .command('undo')
    .description('take a fix back: remove the copy, or put the original of a model that was changed in place back')
    .argument('<file>', 'the copy, such as model.fixed.onnx, or the model that was changed in place')
    .option('--json', 'print one JSON document')
    .action(async (file: string, options: FormatOptions) => {
      done(await undoCommand(context, file, options));
    });

  program
    .command('models')
    .description('list the built-in models and their options')
    .option('--json', 'print one JSON document')
    .action(async (options: FormatOptions) => {
      done(await modelsCommand(context, options));
    });

  program
    .command('explain')
    .description('the field guide: what a mechanism is, how people met it, what mends it')
    .argument('[mechanism]', 'such as fully-masked-row; without it, all of them are listed')
    .option('--json', 'print one JSON document')
    .option('--markdown', 'print Markdown')
    .action(async (mechanism: string | undefined, options: ExplainOptions) => {
      done(await explainCommand(context, mechanism, options));
    });

  program
    .command('save')
    .description('save a built-in model as an ordinary .onnx file, or as the shards of several ranks')
    .argument('<model>', 'such as "builtin:kimi-k2-mini?layers=8&seed=2"')
    .argument('<file>', 'where to write it; with --ranks a folder')
    .option('--ranks <n>', 'write what each rank of tensor parallelism has, with the list shards.json', parseRanks)
    .addOption(new Option('--shard <what>', 'what the ranks share (default: all)').choices([...shardings]))
    .option('--force', 'replace a file that exists')
    .option('--json', 'print one JSON document')
    .action(async (model: string, file: string, options: SaveOptions) => {
      done(await saveCommand(context, model, file, options));
    });

  return program;
}

/** How long the engine may take, and how much memory. */
const withLimits = (command: Command): Command =>
  command
    .option('--timeout <seconds>', 'end the engine after this time (default: 600)', parseTimeout)
    .option('--memory-limit <megabytes>', 'end the engine when it uses more memory than this', parseMemoryLimit);

const withComparisonFormat = (command: Command): Command =>
  command
    .option('--differences', 'show only rows in which the variants differ')
    .option('--rows <layers>', 'show these layers only, such as 1,15,33 or 0-3', parseRows)
    .option('--all-rows', 'show every row, inputs of sublayers too, and fold nothing')
    .option('--json', 'print one JSON document, failures included')
    .option('--markdown', 'print Markdown')
    .option('--csv', 'print comma-separated values: one line per row, variant and sample');

/** What the batch is, which several commands ask alike. */
function withBatch(command: Command): Command {
  return command
    .option('--inputs <path>', 'the batch: .npz, .npy, .json or .pb, or a folder of ONNX test data')
    .option('--lengths <n,n,…>', 'real tokens per sample, 0 for an empty one (default: 5,35)', parseLengths)
    .addOption(new Option('--pad <side>', 'where padding goes (default: left)').choices(['left', 'right', 'none']))
    .option('--seed <n>', 'seed of the made batch (default: 1)', parseSeed)
    .option('--pad-id <n>', "the id that padding holds in a made batch (default: the model's own, else 0)", parsePadId)
    .option('--mask <name[:inverted]>', 'the mask input, :inverted where true or 1 means padding', parseMask);
}
