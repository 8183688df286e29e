import { DeliveryRefused, type Fulfilment, type Handover } from './fulfilment.ts';

export interface StrictFulfilment extends Fulfilment {
	/** Which lease has a server now. */
	readonly holders: ReadonlyMap<string, string>;
	/** What was done, in order: `L1 gets r1`. */
	readonly done: readonly string[];
	/** Everything is refused meanwhile. */
	isAway: boolean;
	/** A server that nobody can be given: its owner's doing. */
	broken: string | undefined;
	/** A project that does not take what it is given. */
	unwilling: string | undefined;
}

/** Hands servers over in memory; throws when one is to be given to a lease while another one has it. */
export function createStrictFulfilment(): StrictFulfilment {
	const holders = new Map<string, string>();
	const done: string[] = [];
	const answer = (): void => {
		if (fulfilment.isAway) throw new Error('nobody answers');
	};
	const fulfilment: StrictFulfilment = {
		holders,
		done,
		isAway: false,
		broken: undefined,
		unwilling: undefined,
		async deliver({ lease, project, servers }: Handover) {
			answer();
			for (const server of servers) {
				const holder = holders.get(server);
				if (holder === lease) continue;
				if (holder !== undefined) throw new Error(`${server} was to go to ${lease}, and ${holder} has it`);
				if (server === fulfilment.broken)
					throw new DeliveryRefused({ server }, new Error(`${server} is broken`));
				if (project === fulfilment.unwilling)
					throw new DeliveryRefused('project', new Error(`${project} takes nothing`));
				holders.set(server, lease);
				done.push(`${lease} gets ${server}`);
			}
		},
		async takeBack({ lease, servers }: Handover) {
			answer();
			for (const server of servers) {
				if (holders.get(server) !== lease) continue;
				holders.delete(server);
				done.push(`${lease} gives ${server}`);
			}
		},
	};
	return fulfilment;
}
