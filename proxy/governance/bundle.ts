import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { parseStrictJson } from '../canonicalise/strict-json.ts';
import { governanceErrors } from './errors.ts';
import { commonScope } from './manifest.ts';
import { largestFile, type Snapshot, scopeOfFile } from './snapshot.ts';

/** Bytes of a bundle as a file, and as the body of a request. */
const largestBundle = 900 * 1024;
const format = 'bimetal bundle 1';

/**
 * One part of the policies with its manifest and signatures, as one JSON document: names and texts, so that there
 * is nothing to unpack, no link to follow and no path to leave.
 */
export const bundleSchema = z.strictObject({
	format: z.literal(format),
	scope: z.string().regex(/^(?:common|[A-Z][A-Z0-9]{0,15})$/),
	files: z.record(z.string().max(200), z.string().max(largestFile)),
});
export type Bundle = Readonly<z.infer<typeof bundleSchema>>;

export function makeBundle(scope: string, part: Snapshot): Bundle {
	const files = Object.fromEntries([...part].sort(([a], [b]) => (a < b ? -1 : 1)));
	return { format, scope, files };
}

export const renderBundle = (bundle: Bundle): string => `${JSON.stringify(bundle, null, '\t')}\n`;

/**
 * Reads a bundle file.
 * @throws BundleInvalid
 */
export function parseBundle(bytes: Uint8Array): Bundle {
	if (bytes.length > largestBundle) {
		throw governanceErrors.BundleInvalid(`the bundle has ${bytes.length} bytes, more than ${largestBundle}`);
	}
	let json: unknown;
	try {
		json = parseStrictJson(bytes);
	} catch (cause) {
		const why = cause instanceof BimetalError ? cause.message : 'not JSON';
		throw governanceErrors.BundleInvalid(`this is no bundle: ${why}`, { cause });
	}
	const { success, data, error } = bundleSchema.safeParse(json);
	if (success) return data;
	const { path, message } = error.issues[0] ?? { path: [], message: 'does not fit' };
	throw governanceErrors.BundleInvalid(`this is no bundle: ${path.join('.') || 'the document'}: ${message}`);
}

/**
 * The files of a bundle, each of them of its scope.
 * @throws BundleInvalid for a name that belongs elsewhere
 */
export function filesOfBundle({ scope, files }: Bundle, parties: readonly string[]): Snapshot {
	if (scope !== commonScope && !parties.includes(scope)) {
		throw governanceErrors.BundleInvalid(`the bundle is ${scope}’s, which is no party of this site`);
	}
	for (const [name, text] of Object.entries(files)) {
		if (scopeOfFile(name, parties) !== scope) {
			throw governanceErrors.BundleInvalid(`${JSON.stringify(name)} is no file of ${scope}’s policies`);
		}
		if (!text.isWellFormed()) throw governanceErrors.BundleInvalid(`${name} is not Unicode text`);
	}
	return new Map(Object.entries(files));
}
