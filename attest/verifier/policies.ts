import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import { readPolicy } from '../judge/stored-policies.ts';
import { findBlob, keepBlob } from '../model/blob.ts';
import { type PolicyRecord, policies, policyId } from '../model/policy-record.ts';
import type { World } from '../world.ts';
import { forgetUnused } from './unused-blobs.ts';

interface OfPolicy {
	readonly project: string;
	readonly name: string;
}

/** What a node is judged by that has no policy of its own. */
const defaultName = 'default';

/**
 * Sets what a name means from now on; admissions that are open go on by what it meant.
 * @throws PolicyRefused for a policy that checks nothing, contradicts itself or forgets a PCR
 */
export async function setPolicy(
	tx: Transaction,
	{ project, name, policy }: OfPolicy & { readonly policy: unknown },
	{ actor, now }: World,
): Promise<PolicyRecord> {
	const text = JSON.stringify(policy);
	const read = readPolicy(text);
	if (!read.ok) throw attestErrors.PolicyRefused(`${read.refusal.code}: ${read.refusal.reason}.`);
	const digest = await keepBlob(tx, text);
	const id = policyId(project, name);
	const before = await tx.get(policies, id);
	const record = { project, name, digest, setAt: now, setBy: actor.name };
	await tx.put(policies, id, record);
	if (before) await forgetUnused(tx, before.digest);
	return record;
}

export async function listPolicies(
	tx: ReadTransaction,
	{ project }: { readonly project: string },
): Promise<PolicyRecord[]> {
	const found = await tx.list(policies, { where: { index: 'project', equals: project } });
	return found.map(({ document }) => document);
}

async function find(tx: ReadTransaction, { project, name }: OfPolicy): Promise<PolicyRecord> {
	const found = await tx.get(policies, policyId(project, name));
	if (!found) throw attestErrors.NotThere(`Project ${project} has no policy ${name}.`);
	return found;
}

export async function showPolicy(
	tx: ReadTransaction,
	of: OfPolicy,
): Promise<PolicyRecord & { readonly policy: unknown }> {
	const record = await find(tx, of);
	return { ...record, policy: JSON.parse((await findBlob(tx, record.digest)).toString('utf8')) };
}

/** What it meant is kept for as long as evidence was judged by it. */
export async function deletePolicy(tx: Transaction, of: OfPolicy): Promise<PolicyRecord> {
	const record = await find(tx, of);
	await tx.delete(policies, policyId(of.project, of.name));
	await forgetUnused(tx, record.digest);
	return record;
}

/** The policy named; or the one that bears the node's name; or the project's default. @throws NotThere */
export async function choosePolicy(
	tx: ReadTransaction,
	{
		project,
		node,
		name,
	}: { readonly project: string; readonly node: string; readonly name: string | undefined },
): Promise<PolicyRecord> {
	if (name !== undefined) return find(tx, { project, name });
	return (await findPolicy(tx, { project, node })) ?? (await find(tx, { project, name: defaultName }));
}

/** The one that bears the node's name, or the project's default; undefined where there is neither. */
export const findPolicy = async (
	tx: ReadTransaction,
	{ project, node }: { readonly project: string; readonly node: string },
): Promise<PolicyRecord | undefined> =>
	(await tx.get(policies, policyId(project, node))) ??
	(await tx.get(policies, policyId(project, defaultName)));
