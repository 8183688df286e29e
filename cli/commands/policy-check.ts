import { existsSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { type ConfigProblem, formatProblem } from '../../common/config/config-error.ts';
import { checkPolicies } from '../../proxy/policy/check-policies.ts';
import { readNamedFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';

/** What the check needs of a site file; whether the rest is right is the proxy's to say when it starts. */
const siteParts = z.looseObject({
	parties: z.record(z.string(), z.unknown()),
	external: z.record(z.string(), z.unknown()).default({}),
	policies: z
		.union([z.string(), z.looseObject({ folder: z.string() }).transform(({ folder }) => folder)])
		.optional(),
});

/** What `bimetal up` has, and what the shipped policies are written for. */
const defaults = { parties: ['HSO', 'CP'], externalSources: ['Servers', 'PDU'] };

/** `bimetal policy check [FOLDER]`: the same check that the proxy makes before it takes policies. */
export async function checkPolicyFolder(
	context: CliContext,
	given: string | undefined,
	options: { readonly site?: string; readonly json?: boolean },
): Promise<number> {
	const site = options.site ? await readSiteParts(context, options.site) : { ...defaults, folder: undefined };
	const folder = path.resolve(context.cwd, given ?? site.folder ?? 'policies');
	if (!existsSync(folder))
		throw usageError(`there is no folder ${folder}`, `${commandName(context)} policy check FOLDER`);
	const { problems, warnings } = await checkPolicies(folder, site);
	if (options.json) printJson(context, { folder, problems, warnings });
	else {
		const paint = painter(context);
		for (const problem of problems) printLine(context, `${paint('red', 'error')}    ${problemText(problem)}`);
		for (const warning of warnings)
			printLine(context, `${paint('yellow', 'warning')}  ${problemText(warning)}`);
		const count = `${problems.length} ${problems.length === 1 ? 'error' : 'errors'}, ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`;
		const verdict = problems.length
			? paint('red', 'The proxy would refuse these policies')
			: paint('green', 'The policies are good');
		printLine(context, `${verdict}: ${count} in ${folder}`);
	}
	return problems.length ? exitCodes.usage.code : exitCodes.ok.code;
}

function problemText(problem: ConfigProblem): string {
	return visible(formatProblem(problem));
}

interface SiteParts {
	readonly parties: readonly string[];
	readonly externalSources: readonly string[];
	readonly folder: string | undefined;
}

async function readSiteParts(context: CliContext, file: string): Promise<SiteParts> {
	const text = await readNamedFile(context, file, 'site');
	let document: unknown;
	try {
		document = parse(text);
	} catch (error) {
		throw usageError(`${file}: ${(error as Error).message.split('\n')[0]}`, 'mend the YAML');
	}
	const parsed = siteParts.safeParse(document);
	if (!parsed.success) {
		const issue = parsed.error.issues[0];
		throw usageError(
			`${file}: ${issue?.path.join('.')}: ${issue?.message}`,
			'a site file as docs/ describes it',
		);
	}
	const { parties, external, policies } = parsed.data;
	const folder = policies === undefined ? undefined : path.resolve(context.cwd, path.dirname(file), policies);
	return { parties: Object.keys(parties), externalSources: Object.keys(external), folder };
}
