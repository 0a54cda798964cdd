// npm run api: writes down the public face of each entry of the package, from the types as built, as docs/api/NAME.api.md.
// With --check it writes nothing and ends with 1 where a report is not that of the code.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const root = fileURLToPath(new URL('..', import.meta.url));
const isCheck = process.argv.includes('--check');
const reports = join(root, 'docs/api');
const drafts = join(root, 'coverage/api');
const { name, exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

mkdirSync(reports, { recursive: true });
const stale = [];
for (const [entry, { types }] of Object.entries(entries)) {
  if (types === undefined) continue;
  const reportName = entry === '.' ? name : entry.slice(2);
  if (report(reportName, join(root, types))) stale.push(`docs/api/${reportName}.api.md`);
}
rmSync(drafts, { recursive: true, force: true });
if (isCheck && stale.length > 0) {
  console.error(`${stale.join(', ')}: not what the code exports; npm run api writes them again`);
  process.exitCode = 1;
} else if (stale.length > 0) console.error(`written again: ${stale.join(', ')}`);

/** True where the report on disk is not that of the code. */
function report(reportName, mainEntryPointFilePath) {
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: join(root, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath,
      compiler: { tsconfigFilePath: join(root, 'tsconfig.build.json') },
      apiReport: {
        enabled: true,
        reportFileName: reportName,
        reportFolder: reports,
        reportTempFolder: drafts,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: { logLevel: 'error', addToApiReportFile: true },
          // We have no release tags: what an entry exports is public.
          'ae-missing-release-tag': { logLevel: 'none' },
          'ae-undocumented': { logLevel: 'none' },
          // A type that is used but not exported: the report names it, and whoever reads the report judges.
          'ae-forgotten-export': { logLevel: 'none', addToApiReportFile: true },
        },
        // Our docstrings are plain English, not TSDoc.
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  });
  const { apiReportChanged, errorCount } = Extractor.invoke(config, {
    localBuild: !isCheck,
    messageCallback: (message) => {
      // Ours says it once, and for all reports.
      if (message.messageId.startsWith('console-')) message.handled = true;
    },
  });
  if (errorCount > 0) throw new Error(`${reportName}: the types cannot be read`);
  return apiReportChanged;
}
