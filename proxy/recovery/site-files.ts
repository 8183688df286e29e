import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { parseDocument } from 'yaml';
import type { Site } from '../site.ts';
import type { Entry } from './entries.ts';
import { recoveryErrors } from './errors.ts';

type KeyPath = readonly (string | number)[];

/** Where something of a site stands now, and where it will stand in what is restored. */
interface Place {
	readonly from: string;
	/** Relative to the site file's folder. */
	readonly to: string;
}

export interface SitePlan {
	/** The site file's text, with its paths as they are to be. */
	readonly text: string;
	readonly siteFile: string;
	/** Files and folders that are copied. */
	readonly places: readonly Place[];
	readonly store: Place;
	readonly audit: Place;
}

/**
 * What a site consists of: every file and folder that its site file names, whatever a later version adds to that file,
 * and what stands beside them by convention. What lies outside the site file's folder is brought into it.
 */
export async function planSite(siteFile: string, site: Site): Promise<SitePlan> {
	const document = parseDocument(await readFile(siteFile, 'utf8'));
	const { folder } = site;
	const outside: Place[] = [];
	const places: Place[] = [];
	/** What stood side by side outside stays so: defaults count from their neighbours. */
	const placeOf = (from: string): Place => {
		const inside = within(folder, from);
		if (inside !== undefined) return { from, to: inside };
		let root = outside.find(({ from: top }) => within(top, from) !== undefined);
		if (!root) {
			root = { from: dirname(from), to: `outside/${outside.length + 1}` };
			outside.push(root);
		}
		return { from, to: `${root.to}/${within(root.from, from)}` };
	};
	const settle = (keys: KeyPath, from: string): Place => {
		const place = placeOf(from);
		// What is not written out is a default; `policies: FOLDER` is short for more.
		for (const path of [keys, keys.slice(0, -1)]) {
			const raw = document.getIn(path);
			const isIt = typeof raw === 'string' && resolve(folder, raw) === from;
			if (isIt && place.to.startsWith('outside/')) document.setIn(path, place.to);
		}
		return place;
	};
	const store = settle(['store', 'file'], site.store.file);
	const audit = settle(['audit', 'folder'], site.audit.folder);
	for (const [keys, from] of absolutePaths(site)) {
		if (from === folder || from === site.store.file || from === site.audit.folder) continue;
		if (within(from, folder) !== undefined)
			throw recoveryErrors.SiteNotContained(
				`${keys.join('.')} is ${from}, in which the site file itself stands`,
			);
		const there = await stat(from).catch(() => undefined);
		if (!there?.isFile() && !there?.isDirectory()) continue;
		const place = settle(keys, from);
		if (!places.some(({ to }) => to === place.to)) places.push(place);
	}
	// By convention: records of enrolments, also of those that have not ended; beside the store kept versions of the
	// policies and transcripts of consoles.
	const besideStore = ['policy-versions', 'consoles'].map(name => ({
		from: join(dirname(site.store.file), name),
		to: join(dirname(store.to), name).split(sep).join('/'),
	}));
	const beside = [{ from: join(folder, 'enrolment'), to: 'enrolment' }, ...besideStore];
	for (const place of beside) {
		if ((await stat(place.from).catch(() => undefined))?.isDirectory()) places.push(place);
	}
	const text = outside.length > 0 ? document.toString({ lineWidth: 0 }) : await readFile(siteFile, 'utf8');
	return { text, siteFile: basename(siteFile), places: withoutNested(places), store, audit };
}

/** Every absolute path in the site as it was read: its schema has made all of them absolute. */
function* absolutePaths(value: unknown, keys: KeyPath = []): Generator<[KeyPath, string]> {
	if (typeof value === 'string') {
		if (isAbsolute(value)) yield [keys, value];
	} else if (typeof value === 'object' && value !== null) {
		for (const [key, item] of Object.entries(value))
			yield* absolutePaths(item, [...keys, Array.isArray(value) ? Number(key) : key]);
	}
}

/** A record inside `enrolment/` comes with its folder. */
const withoutNested = (places: readonly Place[]): Place[] =>
	places.filter(({ from, to }) =>
		places.every(other => {
			const rest = within(other.from, from);
			return rest === undefined || to !== `${other.to}/${rest}`;
		}),
	);

/** The path from `folder` to something in it, with slashes; undefined for anything else. */
function within(folder: string, path: string): string | undefined {
	const rest = relative(folder, path);
	const isIn = rest !== '' && rest !== '..' && !rest.startsWith(`..${sep}`) && !isAbsolute(rest);
	return isIn ? rest.split(sep).join('/') : undefined;
}

/** Locks, and writes that a crash cut short, are no part of a site. */
const isPassing = (name: string): boolean => /\.lock(\.|$)|\.takeover|\.tmp$|\.sock$/.test(name);

/** The files of a place, folders in the order of their names. */
export async function* filesAt(place: Place, depth = 0): AsyncGenerator<Entry> {
	const there = await stat(place.from);
	if (there.isFile()) yield fileEntry(place, there);
	if (!there.isDirectory() || depth > 16) return;
	for (const name of (await readdir(place.from)).sort()) {
		if (isPassing(name)) continue;
		const inner = { from: join(place.from, name), to: `${place.to}/${name}` };
		// Gone meanwhile: a file that is being replaced, a record that was taken over.
		if (await stat(inner.from).catch(() => undefined)) yield* filesAt(inner, depth + 1);
	}
}

/**
 * The audit log while it is being written: what is derived from the records first, then the records, so that they
 * are never behind what says how many there are.
 */
export async function* auditFiles(place: Place): AsyncGenerator<Entry> {
	const isRecords = ({ path }: Entry): boolean => /\/audit-\d+\.jsonl$/.test(path);
	if (!(await stat(place.from).catch(() => undefined))) return;
	for await (const entry of filesAt(place)) if (!isRecords(entry)) yield entry;
	for await (const entry of filesAt(place)) if (isRecords(entry)) yield entry;
}

function fileEntry({ from, to }: Place, { mode, size }: { mode: number; size: number }): Entry {
	return { path: to, mode: mode & 0o700, size, bytes: () => createReadStream(from) };
}
