import { z } from 'zod';
import { consolePathsText } from './console-paths.ts';

/** The shape of `operations.yaml`; what stands inside its texts is read by the parsers. */
export const operationRow = z
	.strictObject({
		type: z.string().min(1).describe("The table's Type column: Operation, Logging, Monitoring…"),
		operation: z
			.string()
			.min(1)
			.max(200)
			.describe('The name by which policy files refer to this row; unique'),
		description: z.string().min(1),
		match: z
			.union([z.string(), z.array(z.string()).min(1)])
			.describe(
				'A method and a path, or a list of them: POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset; ** at the end of a GET is any rest. WEBSOCKET /console0 is a console: it may name ' +
					consolePathsText,
			),
		properties: z
			.array(z.string())
			.min(1)
			.optional()
			.describe(
				'Of a PATCH: the property paths that this row covers, for instance Boot.BootSourceOverrideTarget or Boot.*',
			),
		p2c: z
			.string()
			.describe(
				'Who is needed: (HSO and cp) or (CP and hso); capitals authorize, lower case stands for the policy of that party; or: closed',
			),
		handledBy: z
			.enum(['bmc', 'proxy'])
			.optional()
			.describe('proxy: the proxy answers by itself (sessions, watching a console)'),
	})
	.describe('A row of the authorization table');

export const operationsFile = z.array(operationRow).min(1);
export type OperationRow = z.infer<typeof operationRow>;

/** What may stand behind `<party>.pre`: `true` is a condition that always holds, written on purpose. */
export const preText = z.union([z.string().min(1), z.boolean()]);
export const postTexts = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(50)]);

/** The shape of a party's file: by operation, that party's pre and post. */
export const policyFile = z.record(z.string(), z.union([z.record(z.string(), z.unknown()), z.boolean()]));

/** The shape of a party's `members.yaml`. */
export const membersFile = z
	.strictObject({
		groups: z
			.record(
				z
					.string()
					.regex(
						/^(?!(?:and|or|of|anyone)$)[a-z][a-z0-9_]{0,31}$/,
						'expected a name in lower case, for instance security',
					),
				z.array(z.string().min(1).max(64)).min(1).max(100),
			)
			.refine(groups => Object.keys(groups).length > 0, 'expected one group or more')
			.describe("Names of the party's operators, by group; an operator may stand in several"),
		speaks: z
			.string()
			.describe(
				'Who speaks for the party together: 2 of (ops, security), 2 of ops, lead or (ops and security); each place is filled by another person',
			),
		reads: z
			.string()
			.optional()
			.describe('The same for what only reads; absent: as speaks. "anyone" is any operator of the party'),
	})
	.describe('A party that is a P²C itself');

export function membersFileJsonSchema(): object {
	return { title: 'Who speaks for a party', ...z.toJSONSchema(membersFile) };
}

/** The shape of a party's `helpers.yaml`: a name for an expression, for that party's conditions. */
export const helpersFile = z
	.record(
		z
			.string()
			.regex(
				/^(?!(?:and|or|not|in|true|false|null|constructor|prototype)$)[a-z][A-Za-z0-9_]{0,63}$/,
				'expected a name that begins with a small letter, for instance up',
			),
		z.union([z.string().min(1), z.number(), z.boolean()]),
	)
	.describe(
		'Expressions with a name, for the conditions of this party: up: COUNT(External.Servers.State=="Up")',
	);

export function helpersFileJsonSchema(): object {
	return { title: "A party's helpers", ...z.toJSONSchema(helpersFile) };
}

/** For editors; the proxy's own check names the party, this one allows any. */
export function policyFileJsonSchema(): object {
	const key = (kind: string) => `^[a-z][a-z0-9_]*\\.${kind}$`;
	const hides = (what: string) => ({
		description: `Hides ${what} from other parties: they are told whether a condition holds, and nothing else`,
		type: 'boolean',
	});
	return {
		$schema: 'https://json-schema.org/draft/2020-12/schema',
		title: "A party's policies, by operation",
		type: 'object',
		patternProperties: { [key('private')]: hides('all of this file') },
		additionalProperties: {
			type: 'object',
			minProperties: 1,
			patternProperties: {
				[key('private')]: hides('this'),
				[key('pre')]: {
					description:
						'A condition over Request.…, Resource.… and External.…: SUM(External.PDU.Outlets.Power)<1000',
					...stripSchema(z.toJSONSchema(preText)),
				},
				[key('post')]: {
					description:
						'A mask, LogEntry.Oem* := null, or a predicate, LogEntry.Severity == "Critical"; or a list of them',
					...stripSchema(z.toJSONSchema(postTexts)),
				},
			},
			additionalProperties: false,
		},
	};
}

export function operationsFileJsonSchema(): object {
	return { title: 'The authorization table', ...z.toJSONSchema(operationsFile) };
}

function stripSchema({ $schema: _, ...rest }: { $schema?: unknown }): object {
	return rest;
}
