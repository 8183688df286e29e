import { createHash } from 'node:crypto';
import { commonScope, type Files } from './manifest.ts';

/**
 * A policy folder in memory: what decides on requests, and the manifests and signatures that vouch for it. Names
 * are relative, with `/`; texts are UTF-8.
 */
export type Snapshot = Files;

/** Bytes of one file, and of all of them. */
export const largestFile = 256 * 1024;
export const largestSnapshot = 8 * 1024 * 1024;
export const mostFiles = 1000;

const yaml = /\.ya?ml$/;
const part = /^[A-Za-z0-9_][A-Za-z0-9._ -]{0,99}$/;

/** Files at the top that say nothing about who may do what. */
const besides = new Set(['cases.yaml']);

const folderOf = (scope: string): string => (scope === commonScope ? '' : `${scope.toLowerCase()}/`);
export const manifestName = (scope: string): string => `${folderOf(scope)}manifest.json`;

/** A party signs its own part in one file, and the common part in one file of its own beside the others'. */
export const signatureName = (scope: string, party: string): string =>
	scope === commonScope ? `manifest.json.${party.toLowerCase()}.sig` : `${folderOf(scope)}manifest.json.sig`;

/** The part that a file belongs to; undefined when it belongs in no snapshot. Never a way out of the folder. */
export function scopeOfFile(name: string, parties: readonly string[]): string | undefined {
	const steps = name.split('/');
	if (!steps.every(step => part.test(step))) return undefined;
	const [first = '', second, ...more] = steps;
	if (second === undefined) {
		const isSignature = parties.some(party => first === signatureName(commonScope, party));
		const isPolicy = yaml.test(first) && !besides.has(first);
		return isPolicy || isSignature || first === manifestName(commonScope) ? commonScope : undefined;
	}
	const party = parties.find(candidate => candidate.toLowerCase() === first);
	if (!party || more.length > 0) return undefined;
	const isOwn = yaml.test(second) || name === manifestName(party) || name === signatureName(party, party);
	return isOwn ? party : undefined;
}

/** The files of one part, with its manifest and signatures. */
export function partOf(snapshot: Snapshot, scope: string, parties: readonly string[]): Snapshot {
	return new Map([...snapshot].filter(([name]) => scopeOfFile(name, parties) === scope));
}

/** Of a part, what the manifest lists: everything but the manifest and the signatures. */
export function listedFiles(part: Snapshot): Files {
	return new Map([...part].filter(([name]) => yaml.test(name)));
}

/** The snapshot with one part replaced. */
export function withPart(
	snapshot: Snapshot,
	scope: string,
	part: Snapshot,
	parties: readonly string[],
): Snapshot {
	const others = [...snapshot].filter(([name]) => scopeOfFile(name, parties) !== scope);
	return new Map([...others, ...part]);
}

/** SHA-256 over names and contents of all files, signatures too: under it a snapshot is kept. */
export function snapshotId(snapshot: Snapshot): string {
	const hash = createHash('sha256');
	for (const name of [...snapshot.keys()].sort()) {
		const text = snapshot.get(name) ?? '';
		hash.update(`${name}\0${Buffer.byteLength(text)}\0`).update(text, 'utf8');
	}
	return hash.digest('hex');
}
