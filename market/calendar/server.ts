import { z } from 'zod';
import { defineCollection, type ReadTransaction, type Transaction } from '../../common/store/store.ts';
import { marketErrors } from '../errors.ts';
import { projectName } from '../ledger/account.ts';
import { intervalText, second } from './interval.ts';
import { leasedSpans, offeredSpans, spansWithin } from './span.ts';

/** hil's names of nodes are of the same form as its projects'. */
export const serverName = projectName;

const properties = z.record(
	z.string().min(1).max(64),
	z.union([z.string().max(256), z.number(), z.boolean()]),
);

const server = z.strictObject({
	/** What bids can ask for: `{ model: 'R640', memoryGib: 384, gpu: false }`. */
	properties,
	/** Which attestations it can give, by their names. */
	attestations: z.array(z.string().min(1).max(64)),
	/** Who owned it since when, oldest first; the last one does now. */
	owners: z.array(z.strictObject({ project: projectName, since: second })).min(1),
});
export type Server = z.output<typeof server>;
export const servers = defineCollection('calendar-servers', server, {
	owner: ({ owners }) => owners.at(-1)?.project,
});

export const ownerOf = ({ owners }: Server): string => owners.at(-1)?.project ?? '';

/**
 * Who owned a server at a second; undefined before anybody did.
 * @throws NoSuchServer
 */
export async function ownerAt(tx: ReadTransaction, name: string, at: number): Promise<string | undefined> {
	const { owners } = await mustFindServer(tx, name);
	return owners.findLast(({ since }) => since <= at)?.project;
}

/** @throws NoSuchServer */
export async function mustFindServer(tx: ReadTransaction, name: string): Promise<Server> {
	const found = name === '' ? undefined : await tx.get(servers, name);
	if (!found) throw marketErrors.NoSuchServer(`There is no server ${name}.`);
	return found;
}

/**
 * Records a server and whose it is. To record it again changes its properties, and nothing else.
 * @throws NameRefused; NotTheOwner when it is another project's: see `handOver`
 */
export async function recordServer(
	tx: Transaction,
	ask: { name: string; owner: string; properties: Server['properties']; attestations: readonly string[] },
	now: number,
): Promise<void> {
	for (const name of [ask.name, ask.owner]) {
		if (serverName.safeParse(name).success) continue;
		throw marketErrors.NameRefused(
			`${JSON.stringify(name.slice(0, 150))} cannot name a server or a project.`,
		);
	}
	const found = await tx.get(servers, ask.name);
	if (found && ownerOf(found) !== ask.owner) {
		throw marketErrors.NotTheOwner(
			`Server ${ask.name} is ${ownerOf(found)}'s: it has to be handed over first.`,
		);
	}
	await tx.put(servers, ask.name, {
		properties: ask.properties,
		attestations: [...new Set(ask.attestations)].sort(),
		owners: found?.owners ?? [{ project: ask.owner, since: now }],
	});
}

/**
 * Makes a server another project's from `now` on. What is offered or leased was so by its owner, who has to answer for it.
 * @throws NoSuchServer, NotTheOwner, NameRefused; ServerInUse while it is offered or leased, now or later
 */
export async function handOver(
	tx: Transaction,
	{ name, from, to }: { readonly name: string; readonly from: string; readonly to: string },
	now: number,
): Promise<void> {
	const found = await mustFindServer(tx, name);
	if (ownerOf(found) !== from) throw marketErrors.NotTheOwner(`Server ${name} is not ${from}'s.`);
	if (!projectName.safeParse(to).success) {
		throw marketErrors.NameRefused(`${JSON.stringify(to.slice(0, 150))} cannot be the name of a project.`);
	}
	const everAfter = { start: now, end: Number.MAX_SAFE_INTEGER };
	for (const spans of [leasedSpans, offeredSpans]) {
		const [first] = await spansWithin(tx, spans, name, everAfter);
		if (!first) continue;
		const what = spans === leasedSpans ? 'leased' : 'offered';
		throw marketErrors.ServerInUse(`Server ${name} is ${what} by ${first.by}, from ${intervalText(first)}.`);
	}
	await tx.put(servers, name, { ...found, owners: [...found.owners, { project: to, since: now }] });
}
