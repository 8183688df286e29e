import { runCases } from '../../proxy/policy/analysis/run-cases.ts';
import { loadCases } from '../../proxy/policy/load-cases.ts';
import type { SourceLocation } from '../../proxy/policy/policy-set.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { loadPolicySet, policyFolder, readPolicySite } from './policy-site.ts';

/** `bimetal policy test [FOLDER]`: runs the cases written beside the policies; every operation needs one. */
export async function testPolicyFolder(
	context: CliContext,
	given: string | undefined,
	options: { readonly site?: string; readonly json?: boolean },
): Promise<number> {
	const site = await readPolicySite(context, options.site);
	const folder = policyFolder(context, given, site, `${commandName(context)} policy test FOLDER`);
	const report = runCases(await loadPolicySet(folder, site), await loadCases(folder, site.parties));
	const failed = report.results.filter(({ failure }) => failure !== undefined);
	const isGood = failed.length + report.uncovered.length + report.stale.length === 0;
	if (options.json) printJson(context, { folder, passed: isGood, ...report });
	else {
		const paint = painter(context);
		const line = (label: string, { file, line: at }: SourceLocation, text: string) =>
			printLine(context, `${paint('red', label)}  ${visible(`${file}:${at}: ${text}`)}`);
		for (const { where, name, failure } of failed) line('failed   ', where, `${name}: ${failure}`);
		for (const { where, operation } of report.uncovered)
			line('uncovered', where, `${JSON.stringify(operation)} has no case, and no exemption`);
		for (const { where, operation, why } of report.stale)
			line('stale    ', where, `${JSON.stringify(operation)} needs no exemption: ${why}`);
		const passed = report.results.length - failed.length;
		const counts = `${passed} of ${report.results.length} cases pass, ${report.uncovered.length} operations without a case, ${report.exempt} exempt`;
		const verdict = isGood ? paint('green', 'The policies do what their cases say') : paint('red', 'Not so');
		printLine(context, `${verdict}: ${counts}`);
	}
	return isGood ? exitCodes.ok.code : exitCodes.found.code;
}
