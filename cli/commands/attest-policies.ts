import { stringify } from 'yaml';
import type { AttestOptions } from '../attest/attest-connection.ts';
import type { CliContext } from '../context.ts';
import { soleProject } from '../hil/service-connection.ts';
import { dateText, printJson, printLine, printTable } from '../output.ts';
import { visible } from '../visible.ts';
import { withVerifier } from './attest-admissions.ts';

type Options = AttestOptions & { readonly project?: string };

/** `bimetal attest policies`: of the project that is named, or of all of the user's. */
export const listPolicies = (context: CliContext, options: Options): Promise<number> =>
	withVerifier(context, options, async client => {
		const { project, json } = options;
		const projects = project === undefined ? await client.projects() : [project];
		const policies = (await Promise.all(projects.map(each => client.policies(each)))).flat();
		if (json) printJson(context, { policies });
		else if (policies.length === 0) printLine(context, 'No policies.');
		else
			await printTable(
				context,
				['POLICY', 'PROJECT', 'SET', 'BY', 'DIGEST'],
				policies.map(one => [
					visible(one.name),
					visible(one.project),
					dateText(new Date(one.setAt).toISOString()),
					visible(one.setBy),
					one.digest,
				]),
			);
		return 0;
	});

/** `bimetal attest policies NAME`: as `set-policy` takes it. */
export const showPolicy = (context: CliContext, name: string, options: Options): Promise<number> =>
	withVerifier(context, options, async client => {
		const found = await client.policy(await soleProject(options.project, () => client.projects()), name);
		if (options.json) printJson(context, found);
		else printLine(context, visible(stringify(found.policy).trimEnd(), { multiline: true }));
		return 0;
	});
