import type { Fulfilment, Handover } from '../lease/fulfilment.ts';

export interface Holdings extends Fulfilment {
	/** Servers that a project has more by its leases than it has lent; below zero when it has lent more. */
	gained(project: string): number;
	/** How many leases were delivered. */
	leases(): number;
	/** What must never happen: a server that two leases had at once. */
	problems(): readonly string[];
}

/** Hands servers over at once, and keeps who has them. A server's owner is in its name: `red-00001`. */
export function createHoldings(): Holdings {
	const holders = new Map<string, { readonly lease: string; readonly project: string }>();
	const gained = new Map<string, number>();
	const problems: string[] = [];
	let delivered = 0;
	const add = (project: string, by: number): void =>
		void gained.set(project, (gained.get(project) ?? 0) + by);
	const ownerOf = (server: string): string => server.slice(0, server.lastIndexOf('-'));
	return {
		async deliver({ lease, project, servers }: Handover) {
			delivered++;
			for (const server of servers) {
				const holder = holders.get(server);
				if (holder?.lease === lease) continue;
				if (holder) problems.push(`${server} went to lease ${lease} while lease ${holder.lease} had it`);
				holders.set(server, { lease, project });
				add(project, 1);
				add(ownerOf(server), -1);
			}
		},
		async takeBack({ lease, servers }: Handover) {
			for (const server of servers) {
				const holder = holders.get(server);
				if (holder?.lease !== lease) continue;
				holders.delete(server);
				add(holder.project, -1);
				add(ownerOf(server), 1);
			}
		},
		gained: project => gained.get(project) ?? 0,
		leases: () => delivered,
		problems: () => problems,
	};
}
