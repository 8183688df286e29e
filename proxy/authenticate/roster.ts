import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { passwordHash } from '../../common/identity/passwords.ts';
import { publicKeyText } from '../governance/signing-key.ts';
import type { Operator } from '../operator.ts';

/** SHA-256 over a certificate's DER, in hex with or without colons; kept in lower case without. */
const fingerprint = z
	.string()
	.regex(/^(?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$/, 'must be a SHA-256 fingerprint in hex')
	.transform(text => text.replaceAll(':', '').toLowerCase());

/** As `bimetal operator keygen` prints it, or PEM; kept in the first form. */
const publicKey = z.string().transform((text, context) => {
	const key = publicKeyText(text.trim());
	if (key === undefined) context.addIssue('expected an Ed25519 public key: ed25519:…, or PEM');
	return key ?? z.NEVER;
});

export const operatorEntry = z.strictObject({
	name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ @ -'),
	party: z.string(),
	/** Absent: no log-in by password. */
	password: passwordHash.optional(),
	/** Pins the client certificate; absent: any that the party's root has signed for this name. */
	certificate: fingerprint.optional(),
	disabled: z.boolean().optional(),
	/** The public key (Ed25519) with which the operator's decisions on requests are checked. */
	key: publicKey.optional(),
	/** Who that is, when one person has several accounts of a party; absent: the name. */
	person: z.string().min(1).max(100).optional(),
});
export type OperatorEntry = z.infer<typeof operatorEntry>;

/** operators.yaml */
export const rosterFile = z.strictObject({ operators: z.array(operatorEntry) });

export interface RosterEntry {
	readonly operator: Operator;
	readonly person: string;
	readonly password: string | undefined;
	readonly certificate: string | undefined;
	/** The public key of what the operator signs: `ed25519:` and base64url. */
	readonly key: string | undefined;
	/** Another one when the party, password or pin is another: sessions opened under the old ones end. */
	readonly version: string;
}

/** Who may act, at one moment. Immutable: a changed file makes another roster. */
export interface Roster {
	/** Undefined for unknown and for disabled operators. */
	find(name: string): RosterEntry | undefined;
	/** Those who may act, by name. */
	readonly operators: readonly Operator[];
}

/**
 * `parties` are the names that the site knows. Throws BimetalError RosterInvalid, with every problem, on an
 * unknown party, on names that are not unique (however they are capitalised), and on a person with accounts of
 * two parties: alone, that person would be two-person control.
 */
export function createRoster(entries: readonly OperatorEntry[], parties: readonly string[]): Roster {
	const problems: string[] = [];
	const seen = new Set<string>();
	const partyOf = new Map<string, string>();
	const byName = new Map<string, RosterEntry>();
	for (const entry of entries) {
		const folded = entry.name.toLowerCase();
		if (seen.has(folded)) problems.push(`operator ${entry.name} is listed twice`);
		seen.add(folded);
		if (!parties.includes(entry.party)) {
			problems.push(`operator ${entry.name} is of party ${entry.party}, which the site does not know`);
		}
		const person = (entry.person ?? entry.name).toLowerCase();
		const other = partyOf.get(person) ?? entry.party;
		if (other !== entry.party) {
			problems.push(`${person} has accounts of ${other} and ${entry.party}; nobody speaks for two parties`);
		}
		partyOf.set(person, other);
		if (!entry.disabled) byName.set(entry.name, toRosterEntry(entry));
	}
	if (problems.length > 0) throw new BimetalError('RosterInvalid', problems.join('; '), { expose: false });
	return rosterOf([...byName.values()]);
}

/** The roster of entries that were checked before. */
export function rosterOf(entries: readonly RosterEntry[]): Roster {
	const byName = new Map(entries.map(entry => [entry.operator.name, entry]));
	const operators = entries.map(entry => entry.operator);
	operators.sort((a, b) => (a.name < b.name ? -1 : 1));
	return Object.freeze({ find: (name: string) => byName.get(name), operators: Object.freeze(operators) });
}

function toRosterEntry({ name, party, password, certificate, person, key }: OperatorEntry): RosterEntry {
	const version = createHash('sha256')
		.update(JSON.stringify([party, password, certificate]))
		.digest('hex');
	const operator = Object.freeze({ name, party });
	return Object.freeze({ operator, person: person ?? name, password, certificate, key, version });
}
