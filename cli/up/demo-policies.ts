import { X509Certificate } from 'node:crypto';
import { cp, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { makeFolderDurably, writeFileDurably } from '../../common/store/durable-file.ts';
import { agreementFile, readAgreement } from '../../proxy/governance/agreement.ts';
import { commonScope } from '../../proxy/governance/manifest.ts';
import { readSnapshot } from '../../proxy/governance/read-snapshot.ts';
import { signPart } from '../../proxy/governance/sign-part.ts';
import { generateSigningKey, publicKeyOf } from '../../proxy/governance/signing-key.ts';
import { signatureName } from '../../proxy/governance/snapshot.ts';

/** In real life each party keeps its own, elsewhere. */
const signingKeyFile = (state: string, party: string): string =>
	join(state, 'parties', `${party}.signing.key`);

/**
 * `bimetal up --signed`: a copy of the policies in the state folder, founded and signed by both parties when it is
 * made. From then on it is changed as signed policies are: `bimetal policy push`.
 */
export async function openSignedPolicies(
	state: string,
	policies: string,
	parties: readonly string[],
): Promise<string> {
	const folder = join(state, 'policies');
	const last = signatureName(commonScope, parties.at(-1) ?? '');
	if (await isThere(join(folder, last))) return folder;
	await makeFolderDurably(folder);
	await cp(policies, folder, { recursive: true, force: false });
	const keys = await Promise.all(parties.map(party => openKey(state, party)));
	const text = stringify({
		site: 'demo',
		parties: Object.fromEntries(
			await Promise.all(
				keys.map(async ({ party, publicKey }) => [
					party,
					{ root: await fingerprintOf(join(state, 'parties', `${party}.crt.pem`)), signingKey: publicKey },
				]),
			),
		),
		change: parties.join(' and '),
		breakGlass: {
			HSO: { operations: ['Restart the BMC'], maxDuration: '30m', maxUses: 3, signature: 'required' },
		},
	});
	const head = '# Written once by `bimetal up --signed`; a change of it is for all parties to sign.\n';
	await writeFileDurably(join(folder, agreementFile), head + text, 0o644);
	const agreement = readAgreement(agreementFile, text);
	for (const { party, privatePem } of keys) {
		await sign(folder, agreement, party, party, privatePem);
	}
	// Last: with the last of these signatures the founding is whole, and not made again.
	for (const { party, privatePem } of keys) await sign(folder, agreement, commonScope, party, privatePem);
	return folder;
}

async function sign(
	folder: string,
	agreement: ReturnType<typeof readAgreement>,
	scope: string,
	party: string,
	privatePem: string,
): Promise<void> {
	const snapshot = await readSnapshot(folder, Object.keys(agreement.parties));
	const { files } = signPart({ snapshot, agreement, scope, party, privatePem });
	for (const [name, text] of files) await writeFileDurably(join(folder, name), text, 0o644);
}

async function openKey(
	state: string,
	party: string,
): Promise<{ party: string; privatePem: string; publicKey: string }> {
	const file = signingKeyFile(state, party);
	if (!(await isThere(file))) await writeFileDurably(file, generateSigningKey().privatePem, 0o600);
	const privatePem = await readFile(file, 'utf8');
	return { party, privatePem, publicKey: publicKeyOf(privatePem) };
}

const fingerprintOf = async (certificate: string): Promise<string> =>
	new X509Certificate(await readFile(certificate)).fingerprint256.replaceAll(':', '').toLowerCase();

const isThere = (file: string): Promise<boolean> =>
	stat(file).then(
		() => true,
		() => false,
	);
