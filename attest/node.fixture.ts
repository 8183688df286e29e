// A node: its TPM, into which the recorded boot was measured, and an agent that asks the services as nodes do.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import {
	answerTo,
	boot,
	extend,
	fingerprintOf,
	imaList,
	makeKey,
	quote,
	shownKeys,
	trustOf,
} from './agent.fixture.ts';
import { type Answer, type AttestBench, startAttest } from './attest.fixture.ts';
import { accepted } from './outcome.fixture.ts';
import { learnPolicy } from './policy/learn.ts';
import type { PolicyFile } from './policy/policy.ts';
import { imaExtends, recorded } from './recorded-boot.fixture.ts';
import { type SoftwareTpm, startSoftwareTpm } from './tpm/software-tpm.fixture.ts';

const learnt = accepted(learnPolicy(recorded));
/** What the recorded boot satisfies. */
export const goodPolicy: PolicyFile = {
	...learnt.policy,
	ima: { ...learnt.policy.ima, exclude: [...learnt.violations], toleratesViolations: true },
};
/** One IMA entry less than that policy knows: the next file to run is one that it has, those after it are not. */
const goodEntries = 21;

export interface AnswerChanges {
	/** In base64. */
	readonly bootLog?: string | undefined;
	readonly ima?: string;
	readonly pcrs?: readonly number[];
	readonly qualifying?: Buffer;
	readonly wantsPayload?: boolean;
	readonly peers?: string;
}

export interface TestNode {
	readonly name: string;
	readonly tpm: SoftwareTpm;
	readonly nodeKey: string;
	readonly privateKey: KeyObject;
	/** The registration's id. */
	register(): Promise<string>;
	ask(): Promise<Answer>;
	/** A quote for a question, and what it wants besides. */
	prepare(question: Record<string, unknown>, changes?: AnswerChanges): Promise<object>;
	/** A whole round. */
	round(changes?: AnswerChanges): Promise<Answer>;
	/** Runs the next file of the recorded list. */
	run(): Promise<void>;
}

export async function startNode(
	t: ExecutionContext,
	options: Parameters<typeof startAttest>[1] & { tpm?: SoftwareTpm } = {},
): Promise<{ node: TestNode; bench: AttestBench }> {
	const tpm = options.tpm ?? (await startSoftwareTpm(t));
	const bench = await startAttest(t, { trust: trustOf(tpm), ...options });
	await makeKey(tpm);
	await boot(tpm, goodEntries);
	await bench.ok('PUT', '/registrar/v1/enrolments/n1', { fingerprint: await fingerprintOf(tpm) }, 'root');
	const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
	const nodeKey = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
	let entries = goodEntries;
	let registration = '';
	const node: TestNode = {
		name: 'n1',
		tpm,
		nodeKey,
		privateKey,
		async register() {
			const shown = { node: 'n1', ...(await shownKeys(tpm)) };
			const begun = await bench.ok('POST', '/registrar/v1/agent/registrations', shown);
			registration = String(begun.registration);
			const proof = await answerTo(tpm, begun);
			await bench.ok('POST', `/registrar/v1/agent/registrations/${registration}/activation`, { proof });
			return registration;
		},
		ask: () => bench.call('POST', '/verifier/v1/agent/questions', { node: 'n1', registration, nodeKey }),
		async prepare(question, changes = {}) {
			const { token, selection, qualifying, bootLog, imaFrom } = question;
			const pcrs = changes.pcrs ?? String(selection).split(':')[1]?.split(',').map(Number) ?? [];
			const made = await quote(tpm, {
				pcrs,
				qualifying: changes.qualifying ?? Buffer.from(String(qualifying), 'hex'),
			});
			const ima = Buffer.from(imaList(Number(imaFrom), entries)).toString('base64');
			return {
				token,
				message: made.message.toString('base64'),
				signature: made.signature.toString('base64'),
				pcrs: made.pcrs.toString('base64'),
				...(bootLog === true && { bootLog: recorded.bootLog.toString('base64') }),
				...(Number(imaFrom) >= 0 && { ima: changes.ima ?? ima }),
				...(changes.wantsPayload && { wantsPayload: true }),
				...(changes.peers !== undefined && { peers: changes.peers }),
				...('bootLog' in changes && { bootLog: changes.bootLog }),
			};
		},
		async round(changes) {
			const asked = await node.ask();
			if (asked.status !== 200) return asked;
			return bench.call('POST', '/verifier/v1/agent/answers', await node.prepare(asked.body, changes));
		},
		async run() {
			await extend(tpm, imaExtends(entries, entries + 1));
			entries++;
		},
	};
	return { node, bench };
}
