import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { FilePolicy } from '../ima/file-policy.ts';
import { pathRule } from '../ima/path-rule.ts';
import { LEFT_PCR } from '../judge/erased.ts';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { HASH_SIZES } from '../tpm/algorithms.ts';
import type { PcrBank } from '../tpm/pcr-selection.ts';

/** PCRs that firmware measures into before any system runs (TCG PC Client PFP, table 1): each must be accounted for. */
export const FIRMWARE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** What IMA's boot aggregate is of. */
const AGGREGATE_PCRS = [...FIRMWARE_PCRS, 8, 9];
const IMA_PCR = 10;
/** Anybody who runs on the machine can reset them: they prove nothing. */
const RESETTABLE: ReadonlySet<number> = new Set([16, 23]);

const bank = z.enum(['sha256', 'sha384', 'sha512']);
const pcr = z.int().min(0).max(23);
const pcrKey = z.string().regex(/^(1?\d|2[0-3])$/, 'expected a PCR: 0 to 23');
/** Of the bank's algorithm, in hexadecimal. */
const value = z
	.string()
	.regex(/^([0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/, 'expected a digest in hexadecimal');
/** Of a file: with its algorithm. */
const fileDigest = z
	.string()
	.regex(/^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/, 'expected sha256:HEX');
const oneOrMore = <T extends z.ZodType>(of: T) => z.union([of, z.array(of).min(1)]);

const boot = z.strictObject({
	/** PCRs of which every single event is judged by the rules below. */
	pcrs: z.array(pcr).min(1),
	/** The state that Secure Boot must have; needed where PCR 7 is judged. */
	secureBoot: z.enum(['on', 'off']).optional(),
	/** What the firmware may measure of itself, into PCR 0. */
	firmware: z.array(value).default([]),
	/** What UEFI may load: option ROMs and drivers, boot loaders, kernels. Their Authenticode digests. */
	images: z.array(value).default([]),
	/** What a kernel may be told, as text. */
	commandLines: z.array(z.string().max(4096)).default([]),
	/** Whatever else may be measured, by PCR. */
	events: z
		.array(z.strictObject({ pcr, digests: z.array(value).min(1), what: z.string().max(300).optional() }))
		.default([]),
});
export type BootRules = z.output<typeof boot>;

const ima = z.strictObject({
	/** By path: the digest or digests that this file may have. */
	files: z.record(z.string().min(1), oneOrMore(fileDigest)).default({}),
	/** Paths that are not judged: a folder by its name first, `*` within one name, `**` anything. */
	exclude: z.array(z.string()).default([]),
	toleratesViolations: z.boolean().default(false),
	/** Whether an airlock starts the system by kexec: then the list begins twice, once for each kernel. */
	kexec: z.boolean().default(false),
	/** PEM of RSA keys that may sign files. */
	signers: z.array(z.string()).default([]),
	/** By label: digests of keys loaded into the kernel's keyrings, and of other data measured under a name. */
	buffers: z.record(z.string().min(1), oneOrMore(fileDigest)).default({}),
});

const policyFile = z.strictObject({
	version: z.literal(1),
	description: z.string().max(1000).optional(),
	bank: bank.default('sha256'),
	/** By PCR: the values that it may have. */
	pcrs: z.record(pcrKey, oneOrMore(value)).default({}),
	boot: boot.optional(),
	ima: ima.optional(),
	/** Whether a node's TPM must have been cleared in the boot that it is admitted in, before any tenant's system ran. */
	erased: z.boolean().default(false),
	/** By PCR: why nobody looks at it. What is not checked is said, never skipped. */
	unchecked: z.record(pcrKey, z.string().min(3).max(300)).default({}),
});
/** As people write it. */
export type PolicyFile = z.input<typeof policyFile>;

export interface Policy {
	readonly bank: 'sha256' | 'sha384' | 'sha512';
	/** Every PCR that the policy says something of, ascending: exactly these are quoted. */
	readonly selection: readonly PcrBank[];
	readonly values: ReadonlyMap<number, ReadonlySet<string>>;
	readonly boot: BootRules | undefined;
	readonly files: FilePolicy | undefined;
	/** Of its first quote: PCR 15 is among those quoted then. */
	readonly erased: boolean;
	readonly unchecked: ReadonlySet<number>;
}

/** Reads a policy, and refuses one that checks nothing, contradicts itself or forgets a PCR. */
export function parsePolicy(document: unknown): Outcome<Policy> {
	const parsed = policyFile.safeParse(document);
	if (!parsed.success) {
		const issues = parsed.error.issues.map(
			issue => `${issue.path.map(String).join('.') || 'it'}: ${issue.message}`,
		);
		return refuse('PolicyWrong', `the policy does not fit: ${issues.slice(0, 5).join('; ')}`);
	}
	const file = parsed.data;
	const values = new Map(
		Object.entries(file.pcrs).map(([number, allowed]) => [Number(number), new Set([allowed].flat())]),
	);
	const unchecked = new Set(Object.keys(file.unchecked).map(Number));
	const own = [...(file.ima ? [IMA_PCR] : []), ...(file.erased ? [LEFT_PCR] : [])];
	const places = [...values.keys(), ...(file.boot?.pcrs ?? []), ...unchecked, ...own];
	const wrong = contradiction(file, places) ?? digestFault(file, values) ?? emptiness(file, values);
	if (wrong) return wrong;
	const files = file.ima && filePolicy(file.ima);
	if (files && !files.ok) return files;
	return accept({
		bank: file.bank,
		selection: [{ hash: file.bank, pcrs: places.sort((a, b) => a - b) }],
		values,
		boot: file.boot,
		files: files?.value,
		erased: file.erased,
		unchecked,
	});
}

type Parsed = z.output<typeof policyFile>;

function contradiction(
	{ boot: rules, ima: list }: Parsed,
	places: readonly number[],
): Outcome<never> | undefined {
	const twice = places.find((one, index) => places.indexOf(one) !== index);
	if (twice !== undefined) return refuse('PolicyWrong', `the policy says two things of PCR ${twice}`);
	const needed = list ? AGGREGATE_PCRS : FIRMWARE_PCRS;
	const forgotten = needed.filter(one => !places.includes(one));
	if (forgotten.length > 0)
		return refuse(
			'PolicyWrong',
			`the policy says nothing of PCR ${forgotten.join(', ')}: give values, judge the events, or say under unchecked why not`,
		);
	if (rules?.pcrs.includes(IMA_PCR))
		return refuse('PolicyWrong', 'PCR 10 is IMA’s: its list is judged, not events of the boot log');
	if (rules?.pcrs.includes(7) && rules.secureBoot === undefined)
		return refuse('PolicyWrong', 'the events of PCR 7 are judged: say which state Secure Boot must have');
	return undefined;
}

function digestFault(
	{ bank: hash, boot: rules, pcrs }: Parsed,
	values: ReadonlyMap<number, ReadonlySet<string>>,
): Outcome<never> | undefined {
	const size = HASH_SIZES[hash] * 2;
	const digests = [
		...Object.values(pcrs).flat(),
		...(rules ? [...rules.firmware, ...rules.images, ...rules.events.flatMap(one => one.digests)] : []),
	];
	const odd = digests.find(digest => digest.length !== size);
	if (odd !== undefined) return refuse('PolicyWrong', `${odd} is no digest of ${hash}`);
	const judged = [...values.keys(), ...(rules?.pcrs ?? [])].find(one => RESETTABLE.has(one));
	return judged === undefined
		? undefined
		: refuse('PolicyWrong', `PCR ${judged} can be reset by whoever runs on the node: it proves nothing`);
}

function emptiness(
	{ boot: rules, ima: list }: Parsed,
	values: ReadonlyMap<number, ReadonlySet<string>>,
): Outcome<never> | undefined {
	const isZero = (text: string) => /^0+$/.test(text);
	// A PCR that nobody has measured into is zero on every machine.
	const says = FIRMWARE_PCRS.some(
		one => rules?.pcrs.includes(one) || ![...(values.get(one) ?? ['0'])].some(isZero),
	);
	if (!says)
		return refuse('PolicyEmpty', 'the policy would admit any firmware: it checks none of PCRs 0 to 7');
	if (list && Object.keys(list.files).length === 0 && list.signers.length === 0)
		return refuse('PolicyEmpty', 'the policy for files allows none, by digest or by signature');
	return undefined;
}

function filePolicy(list: z.output<typeof ima>): Outcome<FilePolicy> {
	const sets = (of: Readonly<Record<string, string | readonly string[]>>) =>
		new Map(Object.entries(of).map(([name, allowed]) => [name, new Set([allowed].flat())]));
	const odd = list.exclude.find(text => !pathRule(text));
	if (odd !== undefined)
		return refuse('PolicyEmpty', `${odd} is no rule for paths: it must begin with a folder by its name`);
	const signers: KeyObject[] = [];
	for (const [index, pem] of list.signers.entries()) {
		const key = keyOf(pem);
		if (key?.asymmetricKeyType !== 'rsa')
			return refuse('PolicyWrong', `signer ${index + 1} is no public RSA key in PEM`);
		signers.push(key);
	}
	return accept({
		files: sets(list.files),
		exclude: list.exclude,
		toleratesViolations: list.toleratesViolations,
		isStartedByKexec: list.kexec,
		signers,
		buffers: sets(list.buffers),
	});
}

function keyOf(pem: string): KeyObject | undefined {
	try {
		return createPublicKey(pem);
	} catch {
		return undefined;
	}
}
