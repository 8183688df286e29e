import { z } from 'zod';
import type { ConfigProblem } from '../../common/config/config-error.ts';
import { explainIssues } from '../../common/config/explain-issues.ts';
import type { PolicyFile } from './load-policy-files.ts';
import { openYaml } from './operations-file.ts';
import type { SourceLocation } from './policy-set.ts';

const party = z.string().min(1);

/** One case: who asks what under which facts, and what is to come of it. */
const policyCase = z.strictObject({
	case: z.string().min(1).describe('What it shows, in a few words'),
	request: z
		.string()
		.regex(
			/^(?:(GET|POST|PATCH|PUT|DELETE) \/redfish(\/\S*)?|WEBSOCKET \/\S+)$/,
			'expected a method and a path: GET /redfish/v1/Systems',
		)
		.describe('A method and a path, as a client sends them'),
	body: z.json().optional(),
	image: z
		.strictObject({
			SHA256: z.string().default('0'.repeat(64)),
			Size: z.int().default(1),
			FileName: z.string().nullable().default(null),
		})
		.optional()
		.describe('An uploaded image; body is then its UpdateParameters'),
	by: party.describe('The party whose operator asks'),
	approved: z.array(party).default([]).describe('Parties that have approved it'),
	operator: z.string().optional(),
	bmc: z.string().default('node1'),
	rack: z.string().default('rack1'),
	facts: z
		.strictObject({
			Resource: z.json().optional().describe('The target as the BMC shows it now'),
			External: z
				.record(z.string(), z.json())
				.default({})
				.describe('By source; one that is missing is unavailable'),
			Time: z.iso.datetime({ offset: true }).optional().describe("The proxy's clock"),
			Executions: z
				.array(
					z.strictObject({
						At: z.iso.datetime({ offset: true }),
						Operations: z.array(z.string()),
						Bmc: z.string().default('node1'),
						Rack: z.string().default('rack1'),
						Party: party,
						Operator: z.string().default('somebody'),
					}),
				)
				.optional()
				.describe('What was executed before'),
		})
		.default({ External: {} }),
	expect: z
		.union([
			z.strictObject({ executes: z.string().describe('The clause taken: HSO and cp') }),
			z.strictObject({
				waits: z
					.union([z.string(), z.array(z.string()).min(1)])
					.describe('The parties it waits for: CP, or CP and SI; a list of alternatives'),
			}),
			z.strictObject({ denied: z.string().min(1).describe('A part of the reason') }),
		])
		.describe('executes, waits or denied'),
	answer: z.json().optional().describe("The BMC's answer"),
	shown: z.json().optional().describe('What is shown of it; the text "hidden" for a 404'),
});

const casesFile = z
	.strictObject({
		exempt: z
			.record(z.string(), z.string().min(1))
			.default({})
			.describe('Operations that need no case, each with the reason'),
		cases: z.array(policyCase).default([]),
	})
	.describe('Cases for the policies beside them: bimetal policy test');

export interface PolicyCase extends z.infer<typeof policyCase> {
	readonly where: SourceLocation;
}

export interface PolicyCases {
	readonly cases: readonly PolicyCase[];
	/** Operations that need no case. */
	readonly exempt: readonly {
		readonly operation: string;
		readonly reason: string;
		readonly where: SourceLocation;
	}[];
}

/** Reads a file of cases. */
export function readCases(file: PolicyFile): PolicyCases & { readonly problems: readonly ConfigProblem[] } {
	const document = openYaml(file);
	if (Array.isArray(document)) return { cases: [], exempt: [], problems: document };
	const checked = casesFile.safeParse(document.value);
	if (!checked.success) {
		return { cases: [], exempt: [], problems: explainIssues(document, casesFile, checked.error.issues) };
	}
	const at = (...path: (string | number)[]) => ({ file: document.file, ...document.locate(path) });
	return {
		cases: checked.data.cases.map((each, i) => ({ ...each, where: at('cases', i, 'case') })),
		exempt: Object.entries(checked.data.exempt).map(([operation, reason]) => ({
			operation,
			reason,
			where: { file: document.file, ...document.locateKey(['exempt', operation]) },
		})),
		problems: [],
	};
}

/** For editors. */
export function casesFileJsonSchema(): object {
	return { title: 'Cases for policies', ...z.toJSONSchema(casesFile, { io: 'input' }) };
}
