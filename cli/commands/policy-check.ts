import { type ConfigProblem, formatProblem } from '../../common/config/config-error.ts';
import { analysePolicies } from '../../proxy/policy/analysis/analyse-policies.ts';
import type { Analysis, Finding } from '../../proxy/policy/analysis/findings.ts';
import { findLockouts } from '../../proxy/policy/analysis/lockouts.ts';
import { servedRequests } from '../../proxy/policy/analysis/served-requests.ts';
import { checkPolicies } from '../../proxy/policy/check-policies.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { type Paint, painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { loadPolicySet, type PolicySite, policyFolder, readPolicySite } from './policy-site.ts';

export interface PolicyCheckOptions {
	readonly site?: string;
	readonly against?: string;
	readonly notes?: boolean;
	readonly strict?: boolean;
	readonly json?: boolean;
}

/**
 * `bimetal policy check [FOLDER]`: the check that the proxy makes before it takes policies, then what can be proved
 * about them.
 */
export async function checkPolicyFolder(
	context: CliContext,
	given: string | undefined,
	options: PolicyCheckOptions,
): Promise<number> {
	const site = await readPolicySite(context, options.site);
	const example = `${commandName(context)} policy check FOLDER`;
	const folder = policyFolder(context, given, site, example);
	const { problems, warnings } = await checkPolicies(folder, {
		parties: site.parties,
		externalSources: site.externalSources,
		units: site.units,
	});
	const old = options.against && policyFolder(context, options.against, site, `${example} --against FOLDER`);
	const analysis = problems.length === 0 ? await analyse(folder, old, site) : nothing;
	const found = analysis.findings.filter(({ level }) => level === 'warning');
	const notes = analysis.findings.filter(({ level }) => level === 'note');
	if (options.json) printJson(context, { folder, problems, warnings, ...analysis });
	else {
		const paint = painter(context);
		for (const problem of problems) printLine(context, `${paint('red', 'error')}    ${problemText(problem)}`);
		for (const warning of warnings)
			printLine(context, `${paint('yellow', 'warning')}  ${problemText(warning)}`);
		for (const finding of found) printFinding(context, finding, paint);
		if (options.notes) for (const note of notes) printFinding(context, note, paint);
		for (const { operation, question, why } of analysis.undecided) {
			const text = `${JSON.stringify(operation)}: ${question} Undecided: ${why}`;
			printLine(context, `${paint('cyan', 'open')}     ${visible(text)}`);
		}
		printVerdict(context, folder, {
			errors: problems.length,
			warnings: warnings.length + found.length,
			notes: notes.length,
			undecided: analysis.undecided.length,
			hidden: notes.length > 0 && !options.notes,
		});
	}
	if (problems.length > 0) return exitCodes.usage.code;
	const isClean = warnings.length + found.length === 0;
	return options.strict && !isClean ? exitCodes.found.code : exitCodes.ok.code;
}

const nothing: Analysis = { findings: [], undecided: [], questions: 0 };

async function analyse(folder: string, old: string | undefined, site: PolicySite): Promise<Analysis> {
	const set = await loadPolicySet(folder, site);
	const analysis = analysePolicies(set, { parties: site.parties, served: servedRequests });
	if (!old) return analysis;
	const lockouts = findLockouts(await loadPolicySet(old, site), set, site.parties);
	return { ...analysis, findings: [...analysis.findings, ...lockouts] };
}

function printFinding(context: CliContext, { level, where, message, example }: Finding, paint: Paint): void {
	const label = level === 'warning' ? paint('yellow', 'warning') : paint('dim', 'note   ');
	const place = where ? `${where.file}:${where.line}:${where.column}: ` : '';
	printLine(context, `${label}  ${visible(place + message)}`);
	for (const line of example) printLine(context, `           ${paint('dim', visible(line))}`);
}

function printVerdict(
	context: CliContext,
	folder: string,
	count: { errors: number; warnings: number; notes: number; undecided: number; hidden: boolean },
): void {
	const paint = painter(context);
	const many = (number: number, one: string) => `${number} ${number === 1 ? one : `${one}s`}`;
	const counts = [
		many(count.errors, 'error'),
		many(count.warnings, 'warning'),
		...(count.undecided > 0 ? [`${count.undecided} undecided`] : []),
		...(count.notes > 0
			? [`${many(count.notes, 'note')}${count.hidden ? ' (--notes shows them)' : ''}`]
			: []),
	];
	const verdict = count.errors
		? paint('red', 'The proxy would refuse these policies')
		: paint('green', 'The policies are good');
	printLine(context, `${verdict}: ${counts.join(', ')} in ${folder}`);
}

function problemText(problem: ConfigProblem): string {
	return visible(formatProblem(problem));
}
