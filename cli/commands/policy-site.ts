import { existsSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadPolicies } from '../../proxy/policy/load-policies.ts';
import type { PolicySet } from '../../proxy/policy/policy-set.ts';
import { readNamedFile } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';

/** Units are all that the check of policies needs of a source; whether it can be read is not asked here. */
const source = z.looseObject({
	under: z.string().optional(),
	fields: z.record(z.string(), z.looseObject({ unit: z.string().optional() }).catch({})).default({}),
});

/** What reading policies needs of a site file; whether the rest is right is the proxy's to say when it starts. */
const siteParts = z.looseObject({
	parties: z.record(z.string(), z.unknown()),
	external: z.record(z.string(), source.catch({ fields: {} })).default({}),
	policies: z
		.union([z.string(), z.looseObject({ folder: z.string() }).transform(({ folder }) => folder)])
		.optional(),
});

/** What `bimetal up` has, and what the shipped policies are written for. */
const defaults: PolicySite = {
	parties: ['HSO', 'CP'],
	externalSources: ['Servers', 'PDU'],
	units: new Map([['External.PDU.Outlets.Power', 'W']]),
	folder: undefined,
};

export interface PolicySite {
	readonly parties: readonly string[];
	readonly externalSources: readonly string[];
	/** Units of their quantities, by path. */
	readonly units: ReadonlyMap<string, string>;
	/** The site's own policy folder, where the site file names one. */
	readonly folder: string | undefined;
}

/** The parties and External sources of a site file, or of what `bimetal up` starts. */
export async function readPolicySite(context: CliContext, file: string | undefined): Promise<PolicySite> {
	if (file === undefined) return defaults;
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
	return {
		parties: Object.keys(parties),
		externalSources: Object.keys(external),
		units: unitsIn(external),
		folder,
	};
}

/** The folder as given, or the site's, or `policies`; one that is not there is the user's to mend. */
export function policyFolder(
	context: CliContext,
	given: string | undefined,
	site: PolicySite,
	example: string,
): string {
	const folder = path.resolve(context.cwd, given ?? site.folder ?? 'policies');
	if (!existsSync(folder)) throw usageError(`there is no folder ${folder}`, example);
	return folder;
}

/** @throws ConfigError with every mistake in the folder */
export function loadPolicySet(
	folder: string,
	{ parties, externalSources, units }: PolicySite,
): Promise<PolicySet> {
	return loadPolicies({ folder, parties, externalSources, units });
}

function unitsIn(external: Readonly<Record<string, z.output<typeof source>>>): ReadonlyMap<string, string> {
	return new Map(
		Object.entries(external).flatMap(([name, { under, fields }]) =>
			Object.entries(fields).flatMap(([field, { unit }]): [string, string][] =>
				unit === undefined ? [] : [[['External', name, ...(under ? [under] : []), field].join('.'), unit]],
			),
		),
	);
}
