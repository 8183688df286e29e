import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { loadPolicies } from '../../proxy/policy/load-policies.ts';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import type { LogRecord, Severity } from '../../qemu/bmc/event-log.ts';
import type { JsonObject } from '../../qemu/redfish/json.ts';
import { bmcPassword, parties, startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';

export type Party = (typeof parties)[number];
export type World = 1 | 2;

/** What a party wrote for what the other one reads, and how a site looks; drawn at random. */
export interface Secrecy {
	/** From whom it is hidden. */
	readonly viewer: Party;
	/** Severities that the viewer may see; empty: all of them. */
	readonly severities: readonly Severity[];
	/** Properties that the viewer may not see. */
	readonly masked: readonly Maskable[];
	/** What a mask puts in their place. */
	readonly replacement: 'null' | '"hidden"' | '0';
	/** In one world there is by chance what the mask puts in its place, so that the mask changes nothing. */
	readonly isLikeMasked: boolean;
	/** The other party hides its conditions. */
	readonly isPrivate: boolean;
	/** Whether the other party's conditions hold. */
	readonly holds: boolean;
	/** Severities of the entries of the log, in order. */
	readonly log: readonly Severity[];
	/** How many more entries there are in each world, of a severity that is hidden. */
	readonly hiddenEntries: readonly [number, number];
}

const maskable = {
	'LogEntry.Message': 'EventLog entries',
	'LogEntry.Oem*': 'EventLog entries',
	'LogEntry.MessageArgs': 'EventLog entries',
	'ComputerSystem.AssetTag': 'Get a system',
	'ComputerSystem.Oem.Site': 'Get a system',
	'ComputerSystem.Boot.Note': 'Get a system',
	'EventRecord.Message': 'Follow events',
	'Chassis.Oem': 'Get a chassis',
	'Chassis.Oem.Site.*': 'Get a chassis',
} as const;
type Maskable = keyof typeof maskable;

const severities: readonly Severity[] = ['OK', 'Warning', 'Critical'];
const someSeverities = fc.subarray([...severities]);

export const anySecrecy: fc.Arbitrary<Secrecy> = fc
	.record({
		viewer: fc.constantFrom(...parties),
		severities: fc.oneof(
			fc.constant<Severity[]>([]),
			fc.subarray([...severities], { minLength: 1, maxLength: 2 }),
			someSeverities,
		),
		masked: fc.subarray(Object.keys(maskable) as Maskable[], { minLength: 1 }),
		replacement: fc.constantFrom('null', 'null', '"hidden"', '0') as fc.Arbitrary<Secrecy['replacement']>,
		isLikeMasked: fc.boolean(),
		isPrivate: fc.boolean(),
		holds: fc.constantFrom(true, true, true, false),
		log: fc.array(fc.constantFrom(...severities), { minLength: 1, maxLength: 6 }),
		hiddenEntries: fc.tuple(fc.nat(3), fc.nat(3)),
	})
	.map(secrecy => (secrecy.severities.length === 3 ? { ...secrecy, severities: [] } : secrecy));

/** Stands in everything that is hidden from the viewer, and nowhere else. */
const token = (world: World, what: string): string => `TOKEN-${world}-${what}`;
export const anyToken = /TOKEN-[12]-|471100[12]/;

export const otherOf = (party: Party): Party => (party === 'HSO' ? 'CP' : 'HSO');

const entries = '/redfish/v1/Systems/{system}/LogServices/EventLog/Entries';
const table = `
- {type: T, operation: Get a system, description: d, match: 'GET /redfish/v1/Systems/{system}', p2c: (HSO and cp) or (CP and hso)}
- {type: T, operation: Get a chassis, description: d, match: 'GET /redfish/v1/Chassis/{chassis}', p2c: (CP and hso) or (HSO and cp)}
- {type: T, operation: EventLog entries, description: d, match: ['GET ${entries}', 'GET ${entries}/{entry}'], p2c: (HSO and cp) or (CP and hso)}
- {type: T, operation: Look around, description: d, match: [GET /redfish/v1, GET /redfish/v1/Systems, GET /redfish/v1/Chassis, 'GET /redfish/v1/Systems/{system}/LogServices', 'GET /redfish/v1/Systems/{system}/LogServices/{log}'], p2c: HSO or CP}
- {type: T, operation: Follow events, description: d, match: GET /redfish/v1/EventService/SSE, p2c: (HSO and cp) or (CP and hso), handledBy: proxy}
- {type: T, operation: Label, description: d, match: 'PATCH /redfish/v1/Systems/{system}', properties: [AssetTag, Boot.*], p2c: (HSO and cp) or (CP and hso)}
- {type: T, operation: Clear, description: d, match: 'POST /redfish/v1/Systems/{system}/LogServices/{log}/Actions/LogService.ClearLog', p2c: HSO and CP and hso and cp}
- {type: T, operation: Reset, description: d, match: 'POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset', p2c: (HSO and cp) or (CP and hso)}
- {type: T, operation: Get tasks, description: d, match: [GET /redfish/v1/TaskService, GET /redfish/v1/TaskService/Tasks, 'GET /redfish/v1/TaskService/Tasks/{task}'], p2c: HSO or CP}
`;

/** The other party's file; the number in its private conditions is another one in each world. */
function partyFile(
	party: Party,
	{ viewer, masked, replacement, severities: shown, isPrivate, holds }: Secrecy,
	world: World,
): string {
	const key = party.toLowerCase();
	// The viewer's own file hides nothing, and says yes to everything.
	const isHiding = party !== viewer;
	const lines: string[] = isHiding && isPrivate ? [`${key}.private: true`] : [];
	const number = isPrivate && isHiding ? `471100${world}` : '4000';
	const condition = `SUM(External.PDU.Outlets.Power)${holds || !isHiding ? '<' : '>'}${number}`;
	for (const operation of [
		'Get a system',
		'Get a chassis',
		'EventLog entries',
		'Follow events',
		'Label',
		'Clear',
		'Reset',
	]) {
		const isRead = !['Label', 'Clear', 'Reset'].includes(operation);
		lines.push(`${operation}:`, `  ${key}.pre: ${isRead ? 'true' : condition}`);
		if (!isHiding) continue;
		const posts = masked
			.filter(name => maskable[name] === operation)
			.map(name => `${name} := ${replacement}`);
		if (operation === 'EventLog entries' && shown.length > 0)
			posts.push(shown.map(severity => `LogEntry.Severity == "${severity}"`).join(' or '));
		if (operation === 'Follow events' && shown.length > 0)
			posts.push(shown.map(severity => `EventRecord.MessageSeverity == "${severity}"`).join(' or '));
		if (posts.length > 0) lines.push(`  ${key}.post:`, ...posts.map(post => `    - '${post}'`));
	}
	return `${lines.join('\n')}\n`;
}

/** The log of one world: what the viewer may see is the same in both. */
function logOf({ severities: shown, masked, log, hiddenEntries }: Secrecy, world: World): LogRecord[] {
	const isMasked = (name: Maskable) => masked.includes(name);
	const record = (id: number, severity: Severity): LogRecord => {
		const isHidden = shown.length > 0 && !shown.includes(severity);
		const word = (name: Maskable, what: string) =>
			isHidden || isMasked(name) ? token(world, `${what}-${id}`) : `${what} ${id}`;
		return {
			id,
			created: 1_767_225_600_000 + (isHidden ? world * 1000 : 0) + id,
			modified: 1_767_225_600_000 + id,
			severity,
			messageId: isHidden ? token(world, 'id') : 'OpenBMC.0.1.PowerButtonPressed',
			message: word('LogEntry.Message', 'message'),
			args: [word('LogEntry.MessageArgs', 'argument')],
			resolved: isHidden && world === 1,
			oem: { OpenBMC: { Subsystem: word('LogEntry.Oem*', 'oem') } },
		};
	};
	const hidden = severities.find(severity => shown.length > 0 && !shown.includes(severity));
	const more = hidden
		? Array.from({ length: hiddenEntries[world - 1] ?? 0 }, (_, i) => record(500 + i, hidden))
		: [];
	return [...log.map((severity, index) => record(index + 1, severity)), ...more];
}

function settingsOf(
	{ masked, replacement, isLikeMasked }: Secrecy,
	world: World,
): Record<string, Record<string, unknown>> {
	const hidden = (what: string): unknown =>
		isLikeMasked && world === 1 ? JSON.parse(replacement) : token(world, what);
	const word = (name: Maskable, what: string) => (masked.includes(name) ? hidden(what) : what);
	const isMasked = (type: string) => masked.some(name => name.startsWith(type));
	const chassis = isMasked('Chassis') ? hidden('chassis') : 'chassis';
	// A tag of the whole, in the body: DSP0266 §6.5.
	const tag = (type: string) =>
		isMasked(type) && !(isLikeMasked && world === 1)
			? { '@odata.etag': `W/"${token(world, 'tag')}"` }
			: ({} as Record<string, unknown>);
	const slots = Array(world).fill(token(world, 'slot'));
	return {
		'/redfish/v1/Systems/system': {
			...tag('ComputerSystem'),
			AssetTag: word('ComputerSystem.AssetTag', 'tag'),
			'Oem/Site': masked.includes('ComputerSystem.Oem.Site')
				? isLikeMasked && world === 1
					? JSON.parse(replacement)
					: { Row: token(world, 'row'), Slots: slots }
				: { Row: 'row', Slots: [] },
			'Boot/Note': word('ComputerSystem.Boot.Note', 'note'),
		},
		'/redfish/v1/Chassis/chassis': { ...tag('Chassis'), 'Oem/Site': { Row: chassis, Door: chassis } },
	};
}

/** Events of one world: as many as it has of what is hidden, then one that shows as much as the viewer may see. */
export function eventsOf({ severities: shown, masked }: Secrecy, world: World): readonly JsonObject[] {
	const event = (EventId: string, severity: Severity, Message: string): JsonObject => ({
		EventId,
		EventTimestamp: '2026-01-01T00:00:00Z',
		MessageId: 'OpenBMC.0.1.PowerButtonPressed',
		MessageSeverity: severity,
		Severity: severity,
		Message,
	});
	const hidden = severities.find(severity => shown.length > 0 && !shown.includes(severity));
	const isMasked = masked.includes('EventRecord.Message');
	return [
		...(hidden
			? Array.from({ length: world }, (_, i) =>
					event(token(world, `event-${i}`), hidden, token(world, 'event')),
				)
			: []),
		event('last', shown[0] ?? 'OK', isMasked ? token(world, 'event') : 'shown'),
	];
}

/** A site of one world. Both worlds of one secrecy differ in what is hidden from its viewer, and in nothing else. */
export async function startWorld(secrecy: Secrecy, world: World, now: number): Promise<TestProxy> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-world-'));
	try {
		const stateFile = path.join(folder, 'bmc.json');
		const first = await startBmc({
			name: 'node1',
			stateFile,
			accounts: [{ name: 'root', password: bmcPassword, role: 'Administrator' }],
		});
		await first.close();
		const state = JSON.parse(await readFile(stateFile, 'utf8'));
		const log = logOf(secrecy, world);
		await writeFile(
			stateFile,
			JSON.stringify({ ...state, log, nextLogId: 1000, settings: settingsOf(secrecy, world) }),
		);
		await writeFile(path.join(folder, 'operations.yaml'), table);
		for (const party of parties) {
			await mkdir(path.join(folder, party.toLowerCase()));
			await writeFile(path.join(folder, party.toLowerCase(), 'all.yaml'), partyFile(party, secrecy, world));
		}
		await rm(path.join(folder, 'bmc.json.tmp'), { force: true });
		const kept = await readFile(stateFile);
		await rm(stateFile);
		const policies = await loadPolicies({
			folder,
			parties: [...parties],
			externalSources: ['Servers', 'PDU'],
		});
		await writeFile(stateFile, kept);
		const site = await startTestProxy({ policies, bmc: { stateFile }, now });
		return {
			...site,
			close: async () => {
				await site.close();
				await rm(folder, { recursive: true });
			},
		};
	} catch (fault) {
		await rm(folder, { recursive: true });
		throw fault;
	}
}
