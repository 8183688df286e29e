import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
	type AdmissionView,
	assertFits,
	type PayloadView,
	preparePayload,
	type VerifierClient,
} from '../../attest/client.ts';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';
import { pause } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { AttestOptions } from '../attest/attest-connection.ts';
import { endorsementTrust, verifierKey } from '../attest/evidence-trust.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted, usageError } from '../failure.ts';
import { dateText, painter, printFields, printJson } from '../output.ts';
import { progressLine } from '../progress.ts';
import { visible } from '../visible.ts';
import {
	type AdmitOptions,
	admitNode,
	askAdmission,
	printAdmission,
	withVerifier,
} from './attest-admissions.ts';

export interface Expectations {
	readonly roots?: readonly string[];
	readonly fingerprint?: string;
	readonly policyDigest?: string;
	readonly verifierKey?: string;
}
export interface ReleaseOptions extends AttestOptions, Expectations {}
export interface AdmitPayloadOptions extends AdmitOptions, Expectations {
	readonly payload?: string;
}

/** Milliseconds between looks at a node that is waited for. */
const pace = 1000;

/** `bimetal attest admit NODE [--payload FILE]` */
export async function admitNodeWithPayload(
	context: CliContext,
	node: string,
	options: AdmitPayloadOptions,
): Promise<number> {
	if (options.payload === undefined) {
		const { roots, fingerprint, policyDigest, verifierKey: key } = options;
		if ([roots, fingerprint, policyDigest, key].some(given => given !== undefined))
			throw usageError('these say to whom a payload is released', '--payload FILE as well, or none of them');
		return admitNode(context, node, options);
	}
	const what = await readRelease(context, options.payload, options);
	return withVerifier(context, options, async client => {
		const { id } = await askAdmission(client, node, options);
		return released(context, client, id, { ...what, options });
	});
}

/** `bimetal attest release ADMISSION FILE` */
export async function releaseToNode(
	context: CliContext,
	[id, file]: readonly [string, string],
	options: ReleaseOptions,
): Promise<number> {
	const what = await readRelease(context, file, options);
	return withVerifier(context, options, client => released(context, client, id, { ...what, options }));
}

/** Everything that files hold, before anything is asked for. */
export async function readRelease(context: CliContext, file: string, options: ReleaseOptions) {
	const { roots, verifierKey: key } = options;
	if (!roots)
		throw usageError(
			'whose endorsement keys do you trust?',
			'--roots FILE: the manufacturers’ certificates, for you to judge the node yourself',
		);
	const payload = await readFile(path.resolve(context.cwd, file)).catch((cause: NodeJS.ErrnoException) => {
		throw usageError(
			`the payload ${file} cannot be read: ${cause.code ?? cause.message}`,
			'a file that is there',
		);
	});
	assertFits(payload);
	return {
		payload,
		trust: endorsementTrust(context, roots),
		key: key === undefined ? undefined : await verifierKey(context, key),
	};
}

/** Waits, verifies, releases, and waits until the node has been given it. */
async function released(
	context: CliContext,
	client: VerifierClient,
	id: string,
	given: Given,
): Promise<number> {
	const { options } = given;
	const progress = progressLine(context);
	try {
		const { seen, kept, trusted } = await deliver(context, client, id, { ...given, progress });
		progress.end();
		if (!kept) {
			printAdmission(context, options, seen);
			return exitCodes.conflict.code;
		}
		const { node, project } = seen;
		const { fingerprint, policy } = trusted;
		if (options.json) printJson(context, { ...kept, node, project, fingerprint, policy });
		else
			printFields(context, [
				['node', painter(context)('bold', visible(node))],
				['admission', visible(id)],
				['payload', `given to the node ${dateText(new Date(kept.deliveredAt ?? 0).toISOString())}`],
				['endorsement key', fingerprint],
				['policy', policy],
			]);
		return 0;
	} catch (fault) {
		// The admission stays: what was not released yet can be released later.
		if (fault instanceof BimetalError && fault.code === 'Interrupted')
			throw hinted(
				fault,
				`${commandName(context)} attest show ${id}; ${commandName(context)} attest release ${id} FILE`,
			);
		throw fault;
	} finally {
		progress.end();
	}
}

type Given = Awaited<ReturnType<typeof readRelease>> & { readonly options: ReleaseOptions };
type Trusted = ReturnType<typeof preparePayload>['node'];

/** What became of it; `kept` is absent when the admission has come to its end before. */
type Delivered =
	| { readonly seen: AdmissionView; readonly kept: PayloadView; readonly trusted: Trusted }
	| { readonly seen: AdmissionView; readonly kept?: undefined; readonly trusted?: undefined };

/** The same, for who shows by itself what comes of it. */
export async function deliver(
	context: CliContext,
	client: VerifierClient,
	id: string,
	given: Given & { readonly progress: ReturnType<typeof progressLine> },
): Promise<Delivered> {
	const { payload, trust, key, options, progress } = given;
	const signal = context.interruption();
	let seen = await client.admission(id);
	progress.show(`Waiting for ${visible(seen.node)} to prove itself, by admission ${visible(id)}`);
	while (seen.state === 'waiting') {
		await pause(context.clock, pace, signal);
		seen = await client.admission(id);
	}
	if (seen.state !== 'attested') return { seen };
	progress.show(`Judging the evidence of ${visible(seen.node)}`);
	const { node, project } = seen;
	const expected = {
		...{ admission: id, node, project, trust },
		fingerprint: options.fingerprint?.toLowerCase(),
		policy: options.policyDigest?.toLowerCase() ?? seen.policy ?? undefined,
	};
	const { release, node: trusted } = preparePayload(
		readEvidence(await client.evidence(id), key),
		expected,
		payload,
	);
	let kept = await client.releasePayload(id, release);
	progress.show(`Waiting for ${visible(node)} to be given it`);
	while (kept.deliveredAt === null) {
		await pause(context.clock, pace, signal);
		seen = await client.admission(id);
		if (seen.state !== 'attested') return { seen };
		kept = await client.payload(id);
	}
	return { seen, kept, trusted };
}
