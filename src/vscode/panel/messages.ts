/** What a page asks for, done. Messages are checked before they come here; what they name is checked here. */
import * as vscode from 'vscode';
import type { Finding, Report, SourceLine } from '../../core/report';
import type { FromPanel } from '../../protocol/panel';
import { commandIds, type CommandName } from '../contributions';
import type { Log } from '../log';
import { showLine } from '../showLine';
import { copyComparison, saveComparison } from './comparisonFiles';
import { copySnippetOf } from './copySnippet';
import type { OpenPanel, PanelParts } from './panels';

type Services = { readonly log: Log } & Pick<PanelParts, 'goToSource'>;

export async function handleMessage(
  panel: OpenPanel,
  message: FromPanel,
  { log, goToSource }: Services,
): Promise<void> {
  const { session, comparing, page } = panel;
  switch (message.type) {
    case 'ready':
      page.show(session.current);
      page.showComparison(comparing.current);
      return;
    case 'tab':
      panel.tab = message.tab;
      return;
    case 'compare':
    case 'history':
      return execute(message.type);
    case 'cancelComparison':
      comparing.cancel();
      return;
    case 'copyComparison':
      if (comparing.current?.comparison) await copyComparison(comparing.current.comparison);
      return;
    case 'saveComparison':
      if (comparing.current?.comparison) await saveComparison(comparing.current.comparison, message.as);
      return;
    case 'run':
      await session.run(message.batch);
      return;
    case 'chooseInputs':
      return session.chooseInputs();
    case 'cancel':
      session.cancel();
      return;
    case 'apply':
      await session.apply(message.fixId, message);
      return;
    case 'preview':
      return session.preview(message.fixId);
    case 'closePreview':
      session.closePreview();
      return;
    case 'copyFixSnippet':
      return copySnippetOf(session, message.fixId);
    case 'undo':
      await session.undo();
      return;
    case 'tryFixes':
      await session.run(undefined, true);
      return;
    case 'copyMarkdown':
      return execute('copyMarkdown');
    case 'openSource':
      // A page may only name what the report does.
      if (namesSource(session.current.report, message)) await showLine({ file: message.file, line: message.line });
      return;
    case 'findSource': {
      const { report } = session.current;
      const finding = report && findingNamed(report, message.tensor);
      if (finding) await goToSource(report, finding);
      return;
    }
    case 'openLog':
      log.show();
      return;
    case 'start':
      return execute(message.what === 'file' ? 'diagnose' : 'diagnoseBuiltIn');
  }
}

async function execute(command: CommandName): Promise<void> {
  await vscode.commands.executeCommand(commandIds[command]);
}

const findingNamed = ({ origins, spread, silent }: Report, tensor: string): Finding | undefined =>
  [...origins, ...spread, ...silent].find((finding) => finding.tensor === tensor);

const namesSource = (report: Report | null, { file, line }: SourceLine): boolean =>
  report !== null &&
  [...report.table, ...report.origins, ...report.spread, ...report.silent].some(
    ({ source }) => source?.file === file && source.line === line,
  );
