import {
	diffPolicies,
	type OutcomeChange,
	outcomeChangeText,
	type PolicyDiff,
} from '../../proxy/policy/analysis/diff-policies.ts';
import { findLockouts } from '../../proxy/policy/analysis/lockouts.ts';
import { requestText } from '../../proxy/policy/analysis/sample-request.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { loadPolicySet, policyFolder, readPolicySite } from './policy-site.ts';

/** `bimetal policy diff OLD NEW`: which requests come out otherwise, with an example of each. */
export async function diffPolicyFolders(
	context: CliContext,
	oldFolder: string,
	newFolder: string,
	options: { readonly site?: string; readonly json?: boolean },
): Promise<number> {
	const site = await readPolicySite(context, options.site);
	const example = `${commandName(context)} policy diff OLD NEW`;
	const [before, after] = [
		await loadPolicySet(policyFolder(context, oldFolder, site, example), site),
		await loadPolicySet(policyFolder(context, newFolder, site, example), site),
	];
	const diff = diffPolicies(before, after, site.parties);
	const lockouts = findLockouts(before, after, site.parties);
	if (options.json) {
		printJson(context, { from: before.version, to: after.version, ...viewDiff(diff), lockouts });
	} else {
		printDiff(context, diff);
		const paint = painter(context);
		if (lockouts.length > 0) printLine(context, paint('bold', 'Who loses a say'));
		for (const { message } of lockouts) printLine(context, `  ${paint('red', visible(message))}`);
	}
	const changes = diff.outcomes.length + diff.sights.length + diff.rows.length + diff.undecided.length;
	return changes > 0 ? exitCodes.found.code : exitCodes.ok.code;
}

/** Outcomes without what is only of use inside. */
function viewDiff({ rows, outcomes, sights, undecided }: PolicyDiff) {
	const view = ({ method, path, body }: OutcomeChange['request']) => ({ method, path, body: body ?? null });
	const result = (outcome: OutcomeChange['before']) =>
		outcome.kind === 'execute' ? { kind: outcome.kind, clause: outcome.clause } : outcome;
	return {
		rows,
		outcomes: outcomes.map(({ operation, party, request, facts, before, after }) => ({
			operation,
			party,
			request: { ...view(request), body: facts.Request.Body },
			facts: { Resource: facts.Resource ?? null, External: facts.External },
			before: result(before),
			after: result(after),
		})),
		sights: sights.map(sight => ({ ...sight, request: view(sight.request) })),
		undecided: undecided.map(each => ({ ...each, request: view(each.request) })),
	};
}

function printDiff(context: CliContext, diff: PolicyDiff): void {
	const paint = painter(context);
	const section = (title: string, lines: readonly string[]): void => {
		if (lines.length === 0) return;
		printLine(context, paint('bold', title));
		for (const line of lines) printLine(context, visible(line));
		printLine(context);
	};
	section(
		'What was written',
		diff.rows.flatMap(({ operation, change, what }) => [
			`  ${change} ${operation}`,
			...what.map(({ part, before, after }) => `      ${part}: ${before || '–'} → ${after || '–'}`),
		]),
	);
	section(
		'What comes out otherwise',
		byOperation(diff.outcomes).flatMap(([operation, changes]) => [
			`  ${operation}`,
			...changes.flatMap(change =>
				outcomeChangeText(change).map((line, i) => (i === 0 ? `    ${line}` : `        ${line}`)),
			),
		]),
	);
	section(
		'Who sees more, who sees less',
		diff.sights.flatMap(({ operation, party, sees, gone, added }) => [
			`  ${party} sees ${sees} of ${operation}`,
			...gone.map(source => `      no longer: ${source}`),
			...added.map(source => `      now: ${source}`),
		]),
	);
	section(
		'What could not be told',
		diff.undecided.map(({ request, party, why }) => `  ${requestText(request)} by ${party}: ${why}`),
	);
	const nothing = diff.rows.length + diff.outcomes.length + diff.sights.length + diff.undecided.length === 0;
	const verdict = nothing
		? 'No request comes out otherwise.'
		: `${diff.outcomes.length} ${diff.outcomes.length === 1 ? 'outcome changes' : 'outcomes change'}, ${diff.sights.length} ${diff.sights.length === 1 ? 'view' : 'views'}, ${diff.undecided.length} undecided.`;
	printLine(context, verdict);
}

/** Patterns of one row that change alike are shown by one of them. */
function byOperation(changes: readonly OutcomeChange[]): readonly (readonly [string, OutcomeChange[]])[] {
	const found = new Map<string, Map<string, OutcomeChange>>();
	for (const change of changes) {
		const { operation, party, before, after } = change;
		const own = found.get(operation) ?? new Map<string, OutcomeChange>();
		const { kind, ...was } = before;
		const key = JSON.stringify([
			party,
			kind,
			'needs' in was ? was.needs : 0,
			after.kind,
			'needs' in after ? after.needs : 0,
		]);
		if (!own.has(key)) own.set(key, change);
		found.set(operation, own);
	}
	return [...found].map(([operation, own]) => [operation, [...own.values()]] as const);
}
