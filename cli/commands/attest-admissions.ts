import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import {
	type AdmissionView,
	createVerifierClient,
	type VerifierClient,
	watchAdmission,
} from '../../attest/client.ts';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { learnFromEvidence } from '../../attest/evidence/learn-from-evidence.ts';
import { pause } from '../../common/clock.ts';
import { parseYaml } from '../../common/config/yaml-document.ts';
import { type AttestOptions, attestAccount } from '../attest/attest-connection.ts';
import { withAttestHints } from '../attest/hints.ts';
import { readNamedFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { soleProject } from '../hil/service-connection.ts';
import { dateText, painter, printFields, printJson, printLine, printTable, relativeTime } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';

export interface ProjectOptions extends AttestOptions {
	readonly project?: string;
}

export async function withVerifier<R>(
	context: CliContext,
	options: AttestOptions,
	work: (client: VerifierClient) => Promise<R>,
): Promise<R> {
	const client = createVerifierClient(await attestAccount(context, options));
	try {
		return await withAttestHints(context, () => work(client));
	} finally {
		await client.close();
	}
}

/** The project that is named, or the only one. */
const projectOf = (client: VerifierClient, { project }: ProjectOptions): Promise<string> =>
	soleProject(project, () => client.projects());

/** `bimetal attest set-policy NAME FILE` */
export const setPolicy = (
	context: CliContext,
	[name, file]: readonly [string, string],
	options: ProjectOptions,
): Promise<number> =>
	withVerifier(context, options, async client => {
		const { value } = parseYaml(file, await readNamedFile(context, file, 'policy'));
		if (typeof value !== 'object' || value === null)
			throw usageError(`${file} is no policy`, `${commandName(context)} attest learn NODE makes one`);
		const set = await client.setPolicy(await projectOf(client, options), name, value);
		if (options.json) printJson(context, set);
		else
			printLine(context, `Policy ${visible(set.name)} of project ${visible(set.project)} is ${set.digest}.`);
		return 0;
	});

/** `bimetal attest standard NODE` */
export const showStandard = (context: CliContext, node: string, options: AttestOptions): Promise<number> =>
	withVerifier(context, options, async client => {
		const { policy, project, name, digest, ...set } = await client.standard(node);
		if (options.json) printJson(context, { policy, project, name, digest, ...set });
		else {
			printFields(context, [
				['policy', painter(context)('bold', visible(name))],
				['of', visible(project)],
				['digest', digest],
				['set', visible(`${dateText(new Date(set.setAt).toISOString())} by ${set.setBy}`)],
			]);
			printLine(context);
			for (const line of stringify(policy).trimEnd().split('\n')) printLine(context, visible(line));
		}
		return 0;
	});

export interface AdmitOptions extends ProjectOptions {
	readonly policy?: string;
	readonly interval?: number;
	readonly lease?: number;
}

/** Asks for a node to be admitted. */
export async function askAdmission(
	client: VerifierClient,
	node: string,
	options: AdmitOptions,
): Promise<AdmissionView> {
	const { policy, interval, lease } = options;
	return client.admit({ node, project: await projectOf(client, options), policy, interval, lease });
}

/** `bimetal attest admit NODE` */
export const admitNode = (context: CliContext, node: string, options: AdmitOptions): Promise<number> =>
	withVerifier(context, options, async client =>
		printAdmission(context, options, await askAdmission(client, node, options)),
	);

/** `bimetal attest list` */
export const listAdmissions = (
	context: CliContext,
	options: AttestOptions & { readonly all?: boolean },
): Promise<number> =>
	withVerifier(context, options, async client => {
		const admissions = await client.admissions(options.all);
		if (options.json) printJson(context, { admissions });
		else if (admissions.length === 0) printLine(context, 'No admissions.');
		else
			await printTable(
				context,
				['NODE', 'PROJECT', 'STATE', 'POLICY', 'WHY', 'ADMISSION'],
				admissions.map(one => [
					visible(one.node),
					visible(one.project),
					stateText(context, one),
					visible(one.policyName ?? '-'),
					visible(one.code ?? '-'),
					visible(one.id),
				]),
			);
		return 0;
	});

function stateText(context: CliContext, { state }: AdmissionView): string {
	const colour = state === 'attested' ? 'green' : state === 'waiting' ? 'yellow' : 'red';
	return painter(context)(state === 'ended' || state === 'learnt' ? 'dim' : colour, state);
}

export function printAdmission(
	context: CliContext,
	{ json }: AttestOptions,
	admission: AdmissionView,
): number {
	const { state, code, reason, policyName, policy, until, stray, attestedFor } = admission;
	if (json) printJson(context, admission);
	else
		printFields(context, [
			['node', painter(context)('bold', visible(admission.node))],
			['admission', visible(admission.id)],
			['project', visible(admission.project)],
			['state', stateText(context, admission)],
			...(code === null ? [] : [['why', visible(`${code}: ${reason}`)] as const]),
			...(attestedFor > 0
				? [['attested for', `${Math.round(attestedFor / 1000)} s from now on`] as const]
				: []),
			...(state === 'waiting' && until !== null
				? [['first evidence', relativeTime(until, context.clock.now())] as const]
				: []),
			['policy', policy === null ? '-' : visible(`${policyName} (${policy})`)],
			['rounds', String(admission.records)],
			...(stray === null
				? []
				: [['refused of others', visible(`${admission.strays}, last ${stray}`)] as const]),
		]);
	return 0;
}

/** `bimetal attest show ADMISSION` */
export const showAdmission = (context: CliContext, id: string, options: AttestOptions): Promise<number> =>
	withVerifier(context, options, async client =>
		printAdmission(context, options, await client.admission(id)),
	);

/** `bimetal attest watch ADMISSION`: ends, with exit code 10, when the node is attested no longer. */
export const watchNode = (context: CliContext, id: string, options: AttestOptions): Promise<number> =>
	withVerifier(context, options, async client => {
		const progress = progressLine(context);
		try {
			const why = await watchAdmission({
				look: () => client.admission(id),
				clock: context.clock,
				signal: context.interruption(),
				onAttested: ({ node, attestedFor }) =>
					progress.show(`${visible(node)} is attested for another ${Math.round(attestedFor / 1000)} s`),
			});
			progress.end();
			if (options.json) printJson(context, { id, attested: false, reason: why });
			else printLine(context, visible(`no longer attested: ${why}`));
			return exitCodes.found.code;
		} finally {
			progress.end();
		}
	});

/** `bimetal attest end ADMISSION` */
export const endAdmission = (context: CliContext, id: string, options: AttestOptions): Promise<number> =>
	withVerifier(context, options, async client => printAdmission(context, options, await client.end(id)));

/** `bimetal attest withdraw ADMISSION REASON` */
export const withdrawAdmission = (
	context: CliContext,
	[id, reason]: readonly [string, string],
	options: AttestOptions,
): Promise<number> =>
	withVerifier(context, options, async client =>
		printAdmission(context, options, await client.withdraw(id, reason)),
	);

export interface OutOptions extends ProjectOptions {
	readonly out?: string;
}

/** `bimetal attest evidence ADMISSION` */
export const exportEvidence = (context: CliContext, id: string, options: OutOptions): Promise<number> =>
	withVerifier(context, options, async client => {
		const text = await client.evidence(id);
		// What cannot be read here, nobody can.
		const { records, head } = readEvidence(text);
		const file = path.resolve(
			context.cwd,
			options.out ?? `${head.admission.node.replace(/[^\w.-]/g, '_')}.evidence`,
		);
		await writeFile(file, text, { flag: 'wx' });
		if (options.json) printJson(context, { file, rounds: records.length });
		else
			printLine(
				context,
				`${records.length} rounds are in ${visible(file)}; '${commandName(context)} attest verify' judges them again.`,
			);
		return 0;
	});

/** Milliseconds between looks at a boot that is waited for. */
const pace = 1000;

/** `bimetal attest learn NODE`: the policy on standard output, or in a file. */
export const learnNode = (context: CliContext, node: string, options: OutOptions): Promise<number> =>
	withVerifier(context, options, async client => {
		const project = await projectOf(client, options);
		const signal = context.interruption();
		let seen = await client.admit({ node, project, learn: true, within: 1800 });
		const progress = progressLine(context);
		try {
			progress.show(`Waiting for ${visible(node)} to boot and show what it measured`);
			while (seen.state === 'waiting') {
				await pause(context.clock, pace, signal);
				seen = await client.admission(seen.id);
			}
		} catch (fault) {
			await endUnawaited(context, options, seen.id);
			throw fault;
		} finally {
			progress.end();
		}
		if (seen.state !== 'learnt') {
			printAdmission(context, options, seen);
			return exitCodes.conflict.code;
		}
		const { policy, violations } = learnFromEvidence(readEvidence(await client.evidence(seen.id)));
		const text = options.json ? `${JSON.stringify(policy, null, 2)}\n` : stringify(policy, { lineWidth: 0 });
		if (options.out === undefined) context.stdout.write(text);
		else await writeFile(path.resolve(context.cwd, options.out), text, { flag: 'wx' });
		for (const file of violations)
			context.stderr.write(
				`${visible(file)} was open for writing while it was measured: it passes only if it is excluded (ima.exclude)\n`,
			);
		return 0;
	});

/** Nobody waits for it any more; the call itself is not interrupted. */
async function endUnawaited(context: CliContext, options: AttestOptions, id: string): Promise<void> {
	const client = createVerifierClient({ ...(await attestAccount(context, options)), signal: undefined });
	await client.end(id).catch(() => undefined);
	await client.close();
}
