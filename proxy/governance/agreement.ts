import { z } from 'zod';
import { ConfigError, type ConfigProblem } from '../../common/config/config-error.ts';
import { explainIssues } from '../../common/config/explain-issues.ts';
import { duration } from '../../common/config/values.ts';
import { parseYaml, type YamlDocument, type YamlPath } from '../../common/config/yaml-document.ts';
import { parseAuthorization } from '../policy/authorization.ts';
import { isPublicKey, publicKeyPattern } from './signing-key.ts';

export const agreementFile = 'agreement.yaml';

const partyName = z
	.string()
	.regex(/^(?!(?:OR|AND|OF|CLOSED|COMMON)$)[A-Z][A-Z0-9]{0,15}$/, 'expected a party name in capitals');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected SHA-256 in hex, 64 digits');

const breakGlassRule = z.strictObject({
	/** Names of rows of the table. A closed row stays closed. */
	operations: z.array(z.string().min(1).max(200)).min(1).max(100),
	maxDuration: duration.refine(ms => ms >= 1000 && ms <= 86_400_000, 'expected 1s to 24h'),
	/** Requests that one window lets through. */
	maxUses: z.int().min(1).max(1000),
	/** Windows that the party may open in 24 hours. */
	windowsPerDay: z.int().min(1).max(100).default(3),
	/** Whether opening one takes the party's signing key. */
	signature: z.enum(['required', 'optional']).default('required'),
	/** Who may end a window before its time. */
	endedBy: z.enum(['any party', 'own party']).default('any party'),
});
export type BreakGlassRule = Readonly<z.output<typeof breakGlassRule>>;

const agreementSchema = z.strictObject({
	/** The site's name, as in the site file. */
	site: z.string().min(1).max(100),
	parties: z
		.record(
			partyName,
			z.strictObject({
				/** SHA-256 fingerprint of the party's root certificate, when its operators log in with certificates. */
				root: sha256.optional(),
				signingKey: z.string().regex(publicKeyPattern, 'expected a key as `bimetal party keygen` prints it'),
			}),
		)
		.refine(parties => Object.keys(parties).length >= 2, 'expected two parties or more'),
	/** Who must sign another agreement or another table: `HSO and CP`, `2 of (HSO, CP, SI)`. */
	change: z.string(),
	breakGlass: z.record(partyName, breakGlassRule).default({}),
	/** Files of the site that only a change of the agreement may change, by SHA-256; beside the site file. */
	pinned: z
		.record(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/, 'expected a file name'), sha256)
		.default({}),
});

/** What the parties have agreed on. */
export interface Agreement extends Readonly<z.output<typeof agreementSchema>> {
	/** `change` as alternatives, each a set of parties. */
	readonly quorums: readonly (readonly string[])[];
}

/**
 * Reads `agreement.yaml`.
 * @param file its name in messages
 * @throws ConfigError with every problem
 */
export function readAgreement(file: string, text: string): Agreement {
	const document = parseYaml(file, text);
	const checked = agreementSchema.safeParse(document.value);
	if (!checked.success) throw new ConfigError(explainIssues(document, agreementSchema, checked.error.issues));
	const agreement = checked.data;
	const names = Object.keys(agreement.parties);
	const { quorums, problems } = readQuorums(document, agreement.change, names);
	problems.push(
		...checkKeys(document, agreement.parties),
		...checkRules(document, agreement.breakGlass, names),
	);
	if (problems.length > 0) throw new ConfigError(problems);
	return Object.freeze({ ...agreement, quorums });
}

function readQuorums(
	document: YamlDocument,
	change: string,
	parties: readonly string[],
): { quorums: Agreement['quorums']; problems: ConfigProblem[] } {
	const path: YamlPath = ['change'];
	const read = parseAuthorization(change, parties);
	if (!read.ok) {
		const { message, offset } = read.problem;
		return { quorums: [], problems: [document.problem(path, message, undefined, offset)] };
	}
	const { closed, clauses } = read.value;
	const problems = clauses.some(({ policies }) => policies.length > 0)
		? [document.problem(path, 'a policy cannot sign', 'write the parties in capitals')]
		: closed
			? [document.problem(path, 'an agreement that nobody can change', 'write who must sign: HSO and CP')]
			: [];
	return { quorums: clauses.map(({ authorizations }) => authorizations), problems };
}

/** Two parties with one key would be one party. */
function checkKeys(document: YamlDocument, parties: Agreement['parties']): ConfigProblem[] {
	const owner = new Map<string, string>();
	return Object.entries(parties).flatMap(([name, { signingKey, root }]) => {
		const path: YamlPath = ['parties', name, 'signingKey'];
		if (!isPublicKey(signingKey))
			return [document.problem(path, 'this is no Ed25519 key', 'take what `bimetal party keygen` prints')];
		const others = [signingKey, ...(root === undefined ? [] : [root])].map(key => owner.get(key));
		for (const key of [signingKey, root]) if (key !== undefined) owner.set(key, name);
		const other = others.find(found => found !== undefined);
		if (other === undefined) return [];
		return [document.problem(path, `${name} has a key or root of ${other}`, 'each party makes its own')];
	});
}

function checkRules(
	document: YamlDocument,
	rules: Agreement['breakGlass'],
	parties: readonly string[],
): ConfigProblem[] {
	return Object.keys(rules)
		.filter(party => !parties.includes(party))
		.map(party => ({
			file: document.file,
			...document.locateKey(['breakGlass', party]),
			message: `${party} is no party of this agreement`,
			fix: `its parties are ${parties.join(', ')}`,
		}));
}

/** Alternatives of parties whose authorization is still missing, fewest first; empty when `have` is enough. */
export function missingFor(
	{ quorums }: Pick<Agreement, 'quorums'>,
	have: ReadonlySet<string>,
): readonly (readonly string[])[] {
	const missing = quorums.map(quorum => quorum.filter(party => !have.has(party)).sort());
	if (missing.some(parties => parties.length === 0)) return [];
	const unique = new Map(missing.map(parties => [parties.join(), parties]));
	return [...unique.values()].sort((a, b) => a.length - b.length);
}
