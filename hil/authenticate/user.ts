import type { Store } from '../../common/store/store.ts';
import type { Actor } from '../authorize/actor.ts';
import { reference } from '../model/label.ts';
import { type User, users } from '../model/project.ts';

/** The user of this name, as recorded now. */
export const findUser = (store: Store, name: string): Promise<User | undefined> =>
	store.read(async tx =>
		name !== '' && reference.safeParse(name).success ? tx.get(users, name) : undefined,
	);

export const actorOf = ({ label, isAdmin, projects }: User): Actor => ({
	name: label,
	isAdmin,
	projects: new Set(projects),
});
