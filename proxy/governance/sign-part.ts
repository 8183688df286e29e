import type { Agreement } from './agreement.ts';
import { governanceErrors } from './errors.ts';
import {
	commonScope,
	compareFiles,
	type Manifest,
	makeManifest,
	manifestId,
	manifestPurpose,
	renderManifest,
} from './manifest.ts';
import { publicKeyOf, signText } from './signing-key.ts';
import { listedFiles, manifestName, partOf, type Snapshot, signatureName } from './snapshot.ts';
import { manifestOf, readSignatures, type SignedPart } from './verify.ts';

export interface SignOptions {
	/** A policy folder with its agreement. */
	readonly snapshot: Snapshot;
	readonly agreement: Agreement;
	readonly scope: string;
	/** Who signs. */
	readonly party: string;
	readonly privatePem: string;
	/** What is in force, to follow that; null: nothing is. Undefined: follow the manifest that is there. */
	readonly after?: SignedPart | null;
	/** Sign the common part with the key that the party has until now, beside the one that the agreement brings. */
	readonly former?: boolean;
}

export interface SignedFiles {
	readonly manifest: Manifest;
	/** SHA-256 of the manifest. */
	readonly id: string;
	/** Files to write: the manifest and the signatures. */
	readonly files: Snapshot;
	/** Signatures of others that no longer fit. */
	readonly stale: readonly string[];
}

/**
 * Signs one part of a policy folder for one party. Files that are unchanged keep their manifest, and the party's
 * signature joins those that are there; changed ones get the next version.
 * @throws SignatureInvalid when the key is not the party's, SigningKeyInvalid when it is none
 */
export function signPart(options: SignOptions): SignedFiles {
	const { snapshot, agreement, scope, party, privatePem, after } = options;
	const parties = Object.keys(agreement.parties);
	const agreed = agreement.parties[party]?.signingKey;
	if (agreed === undefined)
		throw governanceErrors.SignatureInvalid(`${party} is no party of the agreement: ${parties.join(', ')}`);
	const own = publicKeyOf(privatePem);
	if (own !== agreed && !(options.former && scope === commonScope)) {
		throw governanceErrors.SignatureInvalid(
			`this key is ${own}, and the agreement has ${agreed} for ${party}; a key that is being replaced signs with --former`,
		);
	}
	const part = partOf(snapshot, scope, parties);
	const listed = listedFiles(part);
	const present = manifestOf(part, scope);
	const keeps =
		present !== undefined &&
		present.manifest.scope === scope &&
		present.manifest.site === agreement.site &&
		compareFiles(present.manifest, listed).length === 0 &&
		(after === undefined || follows(present, after));
	const before =
		after !== undefined
			? after
			: present && { version: present.manifest.version, manifest: manifestId(present.text) };
	const manifest = keeps
		? present.manifest
		: makeManifest(
				{
					site: agreement.site,
					scope,
					version: (before?.version ?? 0) + 1,
					previous: before?.manifest ?? null,
				},
				listed,
			);
	const text = renderManifest(manifest);
	const name = signatureName(scope, party);
	const signature = `${signText(privatePem, manifestPurpose, text)}\n`;
	const others = keeps ? otherLine(part.get(name), text, own, agreed) : '';
	const stale = keeps ? [] : [...part.keys()].filter(file => file.endsWith('.sig') && file !== name);
	return {
		manifest,
		id: manifestId(text),
		files: new Map([
			[manifestName(scope), text],
			[name, signature + others],
		]),
		stale,
	};
}

/** Is it what is in force, or made from that? */
function follows(present: { manifest: Manifest; text: string }, after: SignedPart | null): boolean {
	return (
		manifestId(present.text) === after?.manifest || present.manifest.previous === (after?.manifest ?? null)
	);
}

/** The signature of the party's other key, where it has one: of a key and the one that takes its place. */
function otherLine(file: string | undefined, text: string, own: string, agreed: string): string {
	const lines = (file ?? '').split('\n').filter(line => line !== '');
	const other = lines.find(line => {
		const signers = readSignatures(`${line}\n`, text, [own]);
		return signers === undefined && (own === agreed || readSignatures(`${line}\n`, text, [agreed]));
	});
	return other === undefined ? '' : `${other}\n`;
}
