import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { defineCollection, type Store } from '../../common/store/store.ts';
import type { Call } from '../call.ts';
import type { Claim, Claims } from '../decide/claims.ts';
import type { Execution, ExternalValue, Facts } from '../policy/facts.ts';
import type { Operation, PrePolicy } from '../policy/policy-set.ts';
import { compilePrePolicy } from '../policy/pre-policy.ts';
import {
	isShown,
	type Reservation,
	type ReservedSource,
	reservation,
	reserve,
	withReservations,
} from './reservations.ts';

const claimDocument = z.strictObject({
	/** Milliseconds since the epoch. */
	at: z.int(),
	operations: z.array(z.string()),
	bmc: z.string(),
	rack: z.string(),
	party: z.string(),
	operator: z.string(),
	/** Until then policies count it; `at` when none does. */
	countsUntil: z.int(),
	reserved: z.array(reservation),
});
type ClaimDocument = z.infer<typeof claimDocument>;

/** What was let through lately, as it must be known after a restart. */
const claimsKept = defineCollection('claims', claimDocument);

export interface ClaimsDeps {
	readonly store: Store;
	readonly clock: Clock;
	/** By the name of the External source. */
	readonly reserved: Readonly<Record<string, ReservedSource>>;
	/** A claim that is of no use any more could not be taken from the disk. */
	readonly onFault: (fault: unknown) => void;
}

interface Kept extends ClaimDocument {
	readonly id: string;
}

/** Reads what was let through before a restart, and keeps what is let through from now on. */
export async function openClaims(deps: ClaimsDeps): Promise<Claims> {
	const { store, clock } = deps;
	const rules = compileRules(deps.reserved);
	const before = await store.read(tx => tx.list(claimsKept));
	let kept: Kept[] = before.map(({ id, document }) => ({ ...document, id }));

	const isOver = ({ countsUntil, reserved }: ClaimDocument, now: number): boolean =>
		countsUntil <= now && reserved.every(({ until }) => until + oldestReading <= now);
	const forgetOver = (): readonly string[] => {
		const now = clock.now();
		const over = kept.filter(each => isOver(each, now)).map(({ id }) => id);
		if (over.length > 0) kept = kept.filter(each => !isOver(each, now));
		return over;
	};

	return {
		overlay(external) {
			const seen: Record<string, ExternalValue> = { ...external };
			for (const [name, source] of Object.entries(deps.reserved)) {
				const value = Object.hasOwn(external, name) ? external[name] : undefined;
				if (value === undefined) continue;
				markShown(name, source, value);
				const held = kept.flatMap(({ reserved }) => reserved.filter(each => each.source === name));
				seen[name] = withReservations(value, source, held);
			}
			return seen;
		},
		executions() {
			return kept.filter(({ countsUntil, at }) => countsUntil > at).map(asExecution);
		},
		claim(call, { operations, counted }, external) {
			const now = clock.now();
			const names = operations.map(({ name }) => name);
			const longest = Math.max(0, ...names.map(name => counted.get(name) ?? 0));
			const reserved = rules.flatMap(rule => rule(call, operations, external, now));
			if (longest === 0 && reserved.length === 0) return nothing;
			const { operator, bmc } = call;
			const document: ClaimDocument = {
				at: now,
				operations: names,
				bmc: bmc.target.name,
				rack: bmc.target.rack,
				party: operator.party,
				operator: operator.name,
				countsUntil: now + longest,
				reserved,
			};
			const id = newId(now);
			const over = forgetOver();
			kept.push({ ...document, id });
			return keep(id, document, over);
		},
		release,
	};

	function markShown(name: string, source: ReservedSource, value: ExternalValue): void {
		if (value.status !== 'fresh') return;
		const { asOf } = value;
		const mark = (held: Reservation): Reservation =>
			held.source === name && isShown(held, source, value) ? { ...held, shownAt: asOf } : held;
		kept = kept.map(each =>
			each.reserved.length > 0 ? { ...each, reserved: each.reserved.map(mark) } : each,
		);
	}

	function keep(id: string, document: ClaimDocument, over: readonly string[]): Claim {
		const durable = store.transact(async tx => {
			await tx.insert(claimsKept, id, document);
			for (const each of over) await tx.delete(claimsKept, each);
		});
		durable.catch(() => undefined); // whoever claims awaits it
		return {
			id,
			durable,
			release() {
				durable.then(() => release(id)).catch(deps.onFault);
				kept = kept.map(each => (each.id === id ? { ...each, reserved: [] } : each));
			},
		};
	}

	async function release(id: string): Promise<void> {
		kept = kept.map(each => (each.id === id ? { ...each, reserved: [] } : each));
		await store.transact(async tx => {
			const document = await tx.get(claimsKept, id);
			if (document && document.reserved.length > 0)
				await tx.put(claimsKept, id, { ...document, reserved: [] });
		});
	}
}

/** Milliseconds; a decision may still be under way on a reading as old as this. */
const oldestReading = 120_000;

const nothing: Claim = Object.freeze({ durable: Promise.resolve(), release: () => undefined });

const asExecution = ({ at, operations, bmc, rack, party, operator }: ClaimDocument): Execution => ({
	At: at,
	Operations: operations,
	Bmc: bmc,
	Rack: rack,
	Party: party,
	Operator: operator,
});

/** Sorts by time. */
const newId = (now: number): string =>
	`${now.toString(36).padStart(9, '0')}-${randomBytes(8).toString('hex')}`;

type Rule = (
	call: Call,
	operations: readonly Operation[],
	external: Readonly<Record<string, ExternalValue>>,
	now: number,
) => Reservation[];

function compileRules(sources: Readonly<Record<string, ReservedSource>>): Rule[] {
	return Object.entries(sources).flatMap(([name, source]) =>
		source.rules.operations.map((rule): Rule => {
			const when = rule.when === undefined ? undefined : compileWhen(rule.when);
			return (call, operations, external, now) => {
				const meant = operations.filter(operation => rule.operation.includes(operation.name));
				const [row] = meant;
				if (!row || (when && !mayHold(when, call, row))) return [];
				const found = Object.hasOwn(external, name) ? external[name] : undefined;
				const value = found?.status === 'fresh' ? found.value : undefined;
				return [reserve(name, source, rule, { bmc: call.bmc.target.name, value, now })];
			};
		}),
	);
}

function compileWhen(text: string): PrePolicy {
	const compiled = compilePrePolicy(text, { file: 'site.yaml', line: 1, column: 1 }, []);
	if (!compiled.ok) throw new TypeError(`a reservation's "when": ${compiled.problem.message}`);
	return compiled.value;
}

/** What cannot be decided is reserved for. */
function mayHold(when: PrePolicy, { request, operator, bmc }: Call, { name }: Operation): boolean {
	const facts: Facts = {
		Request: {
			Method: request.method,
			Path: request.path,
			Operation: name,
			Bmc: bmc.target.name,
			Rack: bmc.target.rack,
			Party: operator.party,
			Operator: operator.name,
			Body: request.body ?? null,
		},
		Resource: undefined,
		External: {},
	};
	const { holds, undecided } = when.evaluate(facts);
	return holds || undecided === true;
}
