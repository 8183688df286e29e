import { readFile, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import path from 'node:path';
import {
	type AirlockPayload,
	airlockPayload,
	assertFits,
	bootSettings,
	type NetworkNode,
	networkKeys,
} from '../../attest/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';

export interface PayloadOptions {
	readonly luksKey?: string;
	readonly boot?: string;
	readonly ipsecKey?: string;
	readonly node?: string;
	readonly peer?: readonly string[];
	readonly out?: string;
	readonly json?: boolean;
}

/** `bimetal attest payload`: what an airlock takes, of the key of a disk and of what is to be started from there. */
export async function writePayload(context: CliContext, options: PayloadOptions): Promise<number> {
	const { luksKey, boot, out, json } = options;
	if (luksKey === undefined || boot === undefined)
		throw usageError(
			'the airlock needs the disk’s key, and what to start from there',
			'--luks-key FILE --boot FILE, both as with image encrypt',
		);
	if (out === undefined) throw usageError('where is it to go?', '--out FILE');
	const payload = airlockPayload({
		luksKey: await fileOf(context, luksKey),
		boot: settingsOf(boot, await fileOf(context, boot)),
		network: await networkOf(context, options),
	});
	assertFits(payload);
	const file = path.resolve(context.cwd, out);
	// Whoever reads it has the key.
	await writeFile(file, payload, { mode: 0o600, flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
		throw usageError(
			`${visible(out)} cannot be written: ${cause.code ?? cause.message}`,
			'--out with another name',
		);
	});
	if (json) printJson(context, { file, bytes: payload.length });
	else {
		printLine(
			context,
			`The payload is in ${visible(file)}: it holds the key, so delete it when it was released.`,
		);
		printLine(
			context,
			`Next: ${commandName(context)} attest admit NODE --payload ${visible(out)} --roots FILE`,
		);
	}
	return 0;
}

/** Of a secret that stays here, what this node shares with each of the others. */
async function networkOf(
	context: CliContext,
	{ ipsecKey, node, peer }: PayloadOptions,
): Promise<AirlockPayload['network']> {
	if (ipsecKey === undefined && node === undefined && peer === undefined) return undefined;
	if (ipsecKey === undefined || node === undefined || peer === undefined)
		throw usageError(
			'IPsec takes a key, this node, and the others',
			'--ipsec-key FILE --node n1=10.1.0.1 --peer n2=10.1.0.2',
		);
	const secret = await fileOf(context, ipsecKey);
	if (secret.length < 32)
		throw usageError(
			`${visible(ipsecKey)} has ${secret.length} bytes: it could be guessed`,
			'head -c 64 /dev/urandom > FILE',
		);
	const [self, ...peers] = [node, ...peer].map(placeOf);
	const names = [node, ...peer].map(text => placeOf(text).name);
	if (new Set(names).size < names.length)
		throw usageError('a node stands there twice', '--peer once for each');
	return self && networkKeys(secret, self, peers);
}

/** What charon takes for an identity, and a shell for a word. */
function placeOf(text: string): NetworkNode {
	const [, name, address = ''] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,127})=([0-9.]+)$/.exec(text) ?? [];
	if (name !== undefined && isIPv4(address)) return { name, address };
	throw usageError(`${visible(text)} is no node with its address`, 'n1=10.1.0.1');
}

async function fileOf({ cwd }: CliContext, file: string): Promise<Buffer> {
	return readFile(path.resolve(cwd, file)).catch((cause: NodeJS.ErrnoException) => {
		throw usageError(
			`${visible(file)} cannot be read: ${cause.code ?? cause.message}`,
			'a file that is there',
		);
	});
}

function settingsOf(file: string, bytes: Buffer): AirlockPayload['boot'] {
	let document: unknown;
	try {
		document = JSON.parse(bytes.toString('utf8'));
	} catch {
		throw usageError(`${visible(file)} is no JSON`, '--boot FILE, as image encrypt has written it');
	}
	const read = bootSettings.safeParse(document);
	if (read.success) return read.data;
	const problems = read.error.issues.map(({ path: at, message }) => `${at.join('.') || 'it'}: ${message}`);
	throw usageError(
		`${visible(file)}: ${visible(problems.join('; '))}`,
		'--boot FILE, as image encrypt has written it',
	);
}
