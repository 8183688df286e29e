import { createHash } from 'node:crypto';
import { z } from 'zod';

/** The part that all parties own together: the table and the agreement. A party's own part is called by its name. */
export const commonScope = 'common';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected SHA-256 in hex');
const format = 'bimetal policies 1';
const purpose = 'policies manifest 1';

/** What a signature stands for: exactly these files, as this version of this part of this site's policies. */
const manifestSchema = z.strictObject({
	format: z.literal(format),
	site: z.string().min(1).max(100),
	scope: z.string().regex(/^(?:common|[A-Z][A-Z0-9]{0,15})$/),
	/** One more than that of the version before. */
	version: z.int().min(1).max(1_000_000_000),
	/** SHA-256 of the manifest that it replaces; null for the first. */
	previous: sha256.nullable(),
	files: z
		.array(z.strictObject({ name: z.string().min(1).max(200), size: z.int().min(0), sha256 }))
		.max(1000),
});
export type Manifest = Readonly<z.infer<typeof manifestSchema>>;

export type Files = ReadonlyMap<string, string>;

/** The manifest of these files (by name, the scope's own only), sorted. */
export function makeManifest(
	{ site, scope, version, previous }: Pick<Manifest, 'site' | 'scope' | 'version' | 'previous'>,
	files: Files,
): Manifest {
	return {
		format,
		site,
		scope,
		version,
		previous,
		files: [...files.keys()].sort().map(name => describeFile(name, files.get(name) ?? '')),
	};
}

function describeFile(name: string, text: string): Manifest['files'][number] {
	return { name, size: Buffer.byteLength(text), sha256: hashText(text) };
}

/** The one text of a manifest: what is signed, and what `manifest.json` holds. */
export function renderManifest({ site, scope, version, previous, files }: Manifest): string {
	const inOrder = files.map(({ name, size, sha256 }) => ({ name, size, sha256 }));
	return `${JSON.stringify({ format, site, scope, version, previous, files: inOrder }, null, '\t')}\n`;
}

/** Reads what `renderManifest` wrote; undefined for any other text, even if it is JSON and means the same. */
export function parseManifest(text: string): Manifest | undefined {
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch {
		return undefined;
	}
	const { success, data } = manifestSchema.safeParse(json);
	if (!success || renderManifest(data) !== text) return undefined;
	const names = data.files.map(({ name }) => name);
	return names.every((name, i) => i === 0 || (names[i - 1] ?? '') < name) ? data : undefined;
}

/** What names a signed part: SHA-256 of its manifest's text, which names every file by hash. */
export const manifestId = (text: string): string => hashText(text);

export interface FileDifference {
	readonly name: string;
	/** `changed`: the file is there with other contents. */
	readonly kind: 'missing' | 'unlisted' | 'changed';
}

/** Where the files are not what the manifest says. */
export function compareFiles(manifest: Manifest, files: Files): FileDifference[] {
	const listed = new Map(manifest.files.map(file => [file.name, file]));
	const differences: FileDifference[] = [];
	for (const { name, size, sha256 } of manifest.files) {
		const text = files.get(name);
		if (text === undefined) differences.push({ name, kind: 'missing' });
		else {
			const is = describeFile(name, text);
			if (is.size !== size || is.sha256 !== sha256) differences.push({ name, kind: 'changed' });
		}
	}
	for (const name of files.keys()) if (!listed.has(name)) differences.push({ name, kind: 'unlisted' });
	return differences;
}

export const manifestPurpose = purpose;

const hashText = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');
