import type { KeyObject } from 'node:crypto';
import { createHash } from 'node:crypto';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { isSignedBy } from './file-signature.ts';
import type { ImaEntry } from './ima-list.ts';
import { pathRule } from './path-rule.ts';

/** Digests are written `sha256:` and hexadecimal. */
export interface FilePolicy {
	/** By path: the digests that this file may have. */
	readonly files: ReadonlyMap<string, ReadonlySet<string>>;
	/** Paths that are not judged: rules of path-rule.ts. */
	readonly exclude: readonly string[];
	/**
	 * Whether violations at excluded paths pass: files that were open for writing while they were measured, as logs are.
	 * The kernel extends the same value for each, so whoever has the list can give a violation another path.
	 */
	readonly toleratesViolations: boolean;
	/**
	 * Whether the list's second entry may be this boot's aggregate again: of the system that an airlock, which measures nothing
	 * but its own, has started by kexec. Anywhere else it would be one more kernel, of which nobody knows what it is.
	 */
	readonly isStartedByKexec: boolean;
	/** RSA keys that may sign files; a file signed by one is allowed wherever it stands. */
	readonly signers: readonly KeyObject[];
	/** By name: the keys that may be loaded into a keyring of the kernel, and other data that it measures by a name. */
	readonly buffers: ReadonlyMap<string, ReadonlySet<string>>;
}

const BOOT_AGGREGATE = 'boot_aggregate';

/**
 * Whether every entry is one that the policy allows. Entries must have been proven by a quote first (replay.ts).
 * @param bootAggregate what the list's first entry must have (replay.ts)
 */
export function judgeFiles(
	entries: readonly ImaEntry[],
	policy: FilePolicy,
	bootAggregate: Buffer,
): Outcome<void> {
	if (policy.files.size === 0 && policy.signers.length === 0)
		return refuse('PolicyEmpty', 'the policy for files allows none, by digest or by signature');
	const excludes: ((path: string) => boolean)[] = [];
	for (const text of policy.exclude) {
		const rule = pathRule(text);
		if (!rule)
			return refuse('PolicyEmpty', `${text} is no rule for paths: it must begin with a folder by its name`);
		excludes.push(rule);
	}
	const isAggregate = (entry: ImaEntry): boolean =>
		entry.name === BOOT_AGGREGATE && !entry.isViolation && entry.digest.equals(bootAggregate);
	for (const entry of entries) {
		if (entry.index === 0) {
			if (!isAggregate(entry))
				return refuse('LogMismatch', 'the IMA list does not begin with this boot’s aggregate');
			continue;
		}
		if (entry.index === 1 && policy.isStartedByKexec && isAggregate(entry)) continue;
		const refused =
			entry.template === 'ima-buf' ? bufferFault(entry, policy) : fileFault(entry, policy, excludes);
		if (refused) return refused;
	}
	return accept(undefined);
}

function fileFault(
	entry: ImaEntry,
	policy: FilePolicy,
	excludes: readonly ((path: string) => boolean)[],
): Outcome<never> | undefined {
	const isExcluded = excludes.some(rule => rule(entry.name));
	if (isExcluded && (policy.toleratesViolations || !entry.isViolation)) return undefined;
	const which = `${entry.name} (entry ${entry.index} of the IMA list)`;
	if (entry.isViolation)
		return refuse(
			'FileNotAllowed',
			`${which} was open for writing while it was measured: nobody knows its content`,
		);
	const digest = `${entry.hash}:${entry.digest.toString('hex')}`;
	const allowed = policy.files.get(entry.name);
	if (allowed?.has(digest)) return undefined;
	if (policy.signers.length > 0 && entry.extra.length > 0)
		return isSignedBy(entry, policy.signers)
			? undefined
			: refuse('FileSignatureWrong', `${which} with ${digest} is not signed by a key that may sign files`);
	const expected = allowed ? [...allowed].slice(0, 3).join(' or ') : 'no file of that path';
	return refuse('FileNotAllowed', `${which} has ${digest}; allowed is ${expected}`);
}

function bufferFault(entry: ImaEntry, { buffers }: FilePolicy): Outcome<never> | undefined {
	const digest = `${entry.hash}:${entry.digest.toString('hex')}`;
	const isItsOwn = createHash(entry.hash).update(entry.extra).digest().equals(entry.digest);
	const which = `entry ${entry.index} of the IMA list, for ${entry.name},`;
	if (!isItsOwn || entry.isViolation)
		return refuse('EventMismatch', `${which} has data that was not measured`);
	if (buffers.get(entry.name)?.has(digest)) return undefined;
	return refuse('KeyringWrong', `${which} has ${digest}, which the policy does not allow there`);
}
