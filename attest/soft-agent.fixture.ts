// Agents of nodes whose TPMs are software: as many as a test, or a load, wants.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { listen } from '../common/http/listen.ts';
import { imaList } from './agent.fixture.ts';
import { recorded } from './recorded-boot.fixture.ts';
import { createSoftTpm, newSigningKey, type SoftTpm, softEndorsementKey } from './soft-tpm.fixture.ts';

/** Asks a verifier something. Throws unless it answers 200. */
export type Post = (path: string, body: string) => Promise<Record<string, unknown>>;

export interface SoftAgent {
	readonly node: string;
	readonly tpm: SoftTpm;
	ask(post: Post): Promise<Record<string, unknown>>;
	/** The body of an answer to that question. */
	prepare(question: Record<string, unknown>): string;
	/** A whole round: asks and answers. */
	round(post: Post): Promise<Record<string, unknown>>;
}

export const answersPath = '/verifier/v1/agent/answers';

/** One in ten has an RSA key, of which there are few: making one takes as long as a hundred rounds. */
const [rsaEvery, rsaKeys] = [10, 32];
/** Entries of the recorded IMA list that its PCR 10 accounts for. */
const entries = 22;
/** SubjectPublicKeyInfo in DER, in base64: one for all. */
export const softNodeKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
	.publicKey.export({ type: 'spki', format: 'der' })
	.toString('base64');
const bootLog = recorded.bootLog.toString('base64');
const ima = Buffer.from(imaList(0, entries)).toString('base64');

/** Nodes n0, n1 … with registrations r0, r1 …. */
export function createSoftAgents(count: number): SoftAgent[] {
	const rsa = Array.from({ length: Math.min(rsaKeys, Math.ceil(count / rsaEvery)) }, newSigningKey.rsa);
	return Array.from({ length: count }, (_, index) => {
		const shared = index % rsaEvery === 0 ? rsa[(index / rsaEvery) % rsa.length] : undefined;
		return createAgent(index, createSoftTpm(shared ?? newSigningKey.ecc()));
	});
}

function createAgent(index: number, tpm: SoftTpm): SoftAgent {
	const node = `n${index}`;
	const asking = JSON.stringify({ node, registration: `r${index}`, nodeKey: softNodeKey });
	/** Milliseconds that the TPM has been on. */
	let clock = 1_000_000;
	const agent: SoftAgent = {
		node,
		tpm,
		ask: post => post('/verifier/v1/agent/questions', asking),
		prepare({ token, qualifying, selection, bootLog: wantsLog, imaFrom }) {
			clock += 1000;
			const made = tpm.quote({
				qualifying: Buffer.from(String(qualifying), 'hex'),
				pcrs: String(selection).split(':')[1]?.split(',').map(Number) ?? [],
				clock,
			});
			return JSON.stringify({
				token,
				message: made.message.toString('base64'),
				signature: made.signature.toString('base64'),
				pcrs: made.pcrs.toString('base64'),
				...(wantsLog === true && { bootLog }),
				ima: imaFrom === 0 ? ima : '',
			});
		},
		round: async post => post(answersPath, agent.prepare(await agent.ask(post))),
	};
	return agent;
}

/** As much of a registrar as a verifier asks: each of these agents is registered. */
export async function startSoftRegistrar(
	agents: readonly SoftAgent[],
): Promise<{ readonly url: string; close(): Promise<void> }> {
	const server = createServer(({ url = '' }, response) => {
		const [, index = ''] = /^\/registrar\/v1\/registrations\/r(\d+)$/.exec(url) ?? [];
		const agent = agents[Number(index)];
		response.writeHead(agent ? 200 : 404, { 'content-type': 'application/json' });
		const known = {
			...{ id: `r${index}`, node: agent?.node, state: 'active', fingerprint: '0'.repeat(64), chain: [] },
			ek: softEndorsementKey.toString('base64'),
			ak: agent?.tpm.ak.toString('base64'),
			// Nobody looks at it here, but it takes as much room as one.
			ekCertificate: Buffer.alloc(1100).toString('base64'),
		};
		response.end(JSON.stringify(agent ? known : { code: 'NotThere', detail: 'not registered', status: 404 }));
	});
	const { port, close } = await listen(server, { host: '127.0.0.1', port: 0 });
	return { url: `http://127.0.0.1:${port}`, close: () => close(0) };
}
