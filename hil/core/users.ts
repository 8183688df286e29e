import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { checkLabel } from '../model/label.ts';
import { projects, users } from '../model/project.ts';
import { assertAbsent, mustFind } from './find.ts';
import type { World } from './world.ts';

interface OfUser {
	readonly user: string;
}

export type UserList = Record<string, { is_admin: boolean; projects: string[] }>;

export async function listUsers(tx: ReadTransaction): Promise<UserList> {
	return Object.fromEntries(
		(await tx.list(users)).map(({ id, document }) => [
			id,
			{ is_admin: document.isAdmin, projects: [...document.projects].sort() },
		]),
	);
}

/** `hash`: of the password, which does not come this far. */
export async function createUser(
	tx: Transaction,
	{
		user,
		hash,
		is_admin = false,
	}: OfUser & { readonly hash: string; readonly is_admin?: boolean | undefined },
): Promise<void> {
	checkLabel('user', user);
	// In HTTP Basic a colon would end the name: the pattern of labels has none.
	await assertAbsent(tx, users, user, `user ${user}`);
	await tx.insert(users, user, { label: user, isAdmin: is_admin, password: hash, projects: [] });
}

/** Nobody shuts the door behind themselves: the last administrator could. */
export async function deleteUser(tx: Transaction, { user }: OfUser, { actor }: World): Promise<void> {
	await mustFind(tx, users, user, `user ${user}`);
	if (actor.name === user) throw hilErrors.IllegalStateError('Another administrator must delete you.');
	await tx.delete(users, user);
}

export async function setAdmin(
	tx: Transaction,
	{ user, is_admin }: OfUser & { readonly is_admin: boolean },
	{ actor }: World,
): Promise<void> {
	const found = await mustFind(tx, users, user, `user ${user}`);
	if (actor.name === user)
		throw hilErrors.IllegalStateError('Another administrator must change your rights.');
	await tx.put(users, user, { ...found, isAdmin: is_admin });
}

interface OfMembership extends OfUser {
	readonly project: string;
}

export async function addToProject(tx: Transaction, { user, project }: OfMembership): Promise<void> {
	const found = await mustFind(tx, users, user, `user ${user}`);
	await mustFind(tx, projects, project, `project ${project}`);
	if (found.projects.includes(project)) {
		throw hilErrors.DuplicateError(`User ${user} is in project ${project} already.`);
	}
	await tx.put(users, user, { ...found, projects: [...found.projects, project] });
}

export async function removeFromProject(tx: Transaction, { user, project }: OfMembership): Promise<void> {
	const found = await mustFind(tx, users, user, `user ${user}`);
	await mustFind(tx, projects, project, `project ${project}`);
	if (!found.projects.includes(project)) {
		throw hilErrors.NotFoundError(`User ${user} is not in project ${project}.`);
	}
	await tx.put(users, user, { ...found, projects: found.projects.filter(each => each !== project) });
}
