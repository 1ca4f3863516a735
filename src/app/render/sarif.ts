/** Hazards as SARIF 2.1.0, which code hosts show beside the lines of a change. */
import { rules, type Severity } from '../../core/python/rules';
import type { LintResult } from '../source/lint';

const levels: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', information: 'note' };

/** @param address of a file, relative to where the command ran, with `/` between folders */
export const sarif = (
  { results, skipped }: LintResult,
  version: string,
  address: (file: string) => string,
): object => ({
  $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
  version: '2.1.0',
  runs: [
    {
      tool: {
        driver: {
          name: 'NaNoscope',
          semanticVersion: version,
          rules: rules.map(({ id, severity, title, why }) => ({
            id,
            shortDescription: { text: `${title}.` },
            fullDescription: { text: why },
            defaultConfiguration: { level: levels[severity] },
          })),
        },
      },
      columnKind: 'utf16CodeUnits',
      invocations: [
        {
          executionSuccessful: true,
          toolExecutionNotifications: skipped.map(({ file, why }) => ({
            level: 'warning',
            message: { text: `Not read, ${why}` },
            locations: [{ physicalLocation: { artifactLocation: { uri: address(file) } } }],
          })),
        },
      ],
      results: results.flatMap(({ file, hazards }) =>
        hazards.map((hazard) => ({
          ruleId: hazard.rule,
          ruleIndex: rules.findIndex(({ id }) => id === hazard.rule),
          level: levels[hazard.severity],
          message: { text: hazard.message },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: address(file) },
                region: {
                  startLine: hazard.line,
                  startColumn: hazard.column,
                  endLine: hazard.endLine,
                  endColumn: hazard.endColumn,
                },
              },
            },
          ],
        })),
      ),
    },
  ],
});
