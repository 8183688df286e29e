import { createPrivateKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolderDurably } from '../../common/store/durable-file.ts';
import {
	approvalPurpose,
	type ProxyClient,
	renderStatement,
	type Signature,
	type Statement,
} from '../../proxy/client.ts';
import { generateSigningKey, signText } from '../../proxy/governance/signing-key.ts';
import { readNamedFile, readPasswordFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { profileHome } from '../profile.ts';
import { askSecret } from '../prompt.ts';

export interface SigningOptions {
	readonly signingKey?: string;
	/** File whose first line is the passphrase of the key. */
	readonly passphraseFile?: string;
}

export interface OperatorKeygenOptions {
	readonly profile?: string;
	readonly encrypt?: boolean;
	readonly passphraseFile?: string;
	readonly json?: boolean;
}

/** Where an operator's key lies: beside the profile, so that `approve` finds it. */
const keyFile = (home: string, profile: string): string => path.join(home, `${profile}.signing-key.pem`);

/** `bimetal operator keygen`: the private key stays here (mode 0600), the public one goes into the site's roster. */
export async function generateOperatorKey(
	context: CliContext,
	options: OperatorKeygenOptions,
): Promise<number> {
	const home = profileHome(context);
	const file = keyFile(home, options.profile ?? context.env.BIMETAL_PROFILE ?? 'default');
	const { privatePem, publicKey } = generateSigningKey();
	const passphrase = await newPassphrase(context, options);
	const text =
		passphrase === undefined
			? privatePem
			: createPrivateKey(privatePem)
					.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
					.toString();
	await makeFolderDurably(home);
	try {
		await writeFile(file, text, { mode: 0o600, flag: 'wx' });
	} catch (error) {
		const { code = 'unwritable' } = error as NodeJS.ErrnoException;
		throw usageError(
			code === 'EEXIST' ? `${file} is there already, and is not replaced` : `cannot write ${file}: ${code}`,
			'move the old key away first, or --profile NAME',
		);
	}
	if (options.json) printJson(context, { publicKey, file });
	else {
		printLine(context, `The private key is in ${file}: keep it to yourself, and off the proxy's host.`);
		printLine(context, `For the operators file of the site:\n\n    key: ${publicKey}`);
	}
	return 0;
}

async function newPassphrase(
	context: CliContext,
	{ encrypt, passphraseFile }: OperatorKeygenOptions,
): Promise<string | undefined> {
	if (passphraseFile !== undefined) return readPasswordFile(context, passphraseFile);
	if (!encrypt) return undefined;
	const passphrase = await askSecret(context, 'Passphrase of the new key: ', '--passphrase-file FILE');
	if (passphrase === '' || (await askSecret(context, 'Again: ')) !== passphrase) {
		throw usageError(
			'the passphrases differ, or are empty',
			`${commandName(context)} operator keygen --encrypt`,
		);
	}
	return passphrase;
}

const chosenKey = (
	{ home, profile }: { home: string; profile: string | undefined },
	{ signingKey }: SigningOptions,
): string | undefined => {
	if (signingKey !== undefined || profile === undefined) return signingKey;
	const kept = keyFile(home, profile);
	return existsSync(kept) ? kept : undefined;
};

/** Is there a key to sign with? */
export const hasSigningKey = (
	where: { home: string; profile: string | undefined },
	options: SigningOptions,
): boolean => chosenKey(where, options) !== undefined;

/**
 * Signs a decision with the key that was named, or the one kept beside the profile. Undefined when there is
 * neither: then the proxy says whether one is needed.
 */
export async function signDecision(
	context: CliContext,
	{ client, home, profile }: { client: ProxyClient; home: string; profile: string | undefined },
	options: SigningOptions,
	about: Pick<Statement, 'requestId' | 'digest' | 'decision'> & { comment: string | undefined },
): Promise<Signature | undefined> {
	const file = chosenKey({ home, profile }, options);
	if (file === undefined) return undefined;
	const pem = await unlock(context, file, options);
	const { name, party } = await client.me();
	const at = context.clock.now();
	// An empty comment is none, here and at the proxy.
	const statement = renderStatement({ ...about, comment: about.comment || null, operator: name, party, at });
	return { at: new Date(at).toISOString(), signature: signText(pem, approvalPurpose, statement) };
}

async function unlock(context: CliContext, file: string, options: SigningOptions): Promise<string> {
	const text = await readNamedFile(context, file, 'signing key');
	if (!text.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')) return text;
	const passphrase =
		options.passphraseFile !== undefined
			? await readPasswordFile(context, options.passphraseFile)
			: await askSecret(context, `Passphrase of ${file}: `, '--passphrase-file FILE');
	try {
		return createPrivateKey({ key: text, passphrase }).export({ type: 'pkcs8', format: 'pem' }).toString();
	} catch {
		throw usageError(`this is not the passphrase of ${file}`, 'try again');
	}
}
