import { z } from 'zod';
import { hashPassword } from '../../../common/identity/passwords.ts';
import * as users from '../../core/users.ts';
import { reference } from '../../model/label.ts';
import { changes, type HilRoute, reads } from '../route.ts';
import * as views from '../views.ts';

/** Users of the database. */
export const userRoutes: readonly HilRoute[] = [
	reads({
		path: '/auth/basic/users',
		action: 'user.list',
		summary: 'All users',
		answer: views.userList,
		verb: users.listUsers,
	}),
	changes('PUT', {
		path: '/auth/basic/user/{user}',
		action: 'user.create',
		summary: 'Create a user',
		body: { password: z.string().min(1).max(256), is_admin: z.boolean().optional() },
		prepare: async ({ user, password, is_admin }) => ({ user, is_admin, hash: await hashPassword(password) }),
		verb: users.createUser,
	}),
	changes('DELETE', {
		path: '/auth/basic/user/{user}',
		action: 'user.delete',
		summary: 'Delete a user',
		verb: users.deleteUser,
	}),
	changes('PATCH', {
		path: '/auth/basic/user/{user}',
		action: 'user.set-admin',
		summary: 'Make a user an administrator, or not',
		body: { is_admin: z.boolean() },
		verb: users.setAdmin,
	}),
	changes('POST', {
		path: '/auth/basic/user/{user}/add_project',
		action: 'user.change-projects',
		summary: 'Make a user a member of a project',
		body: { project: reference },
		verb: users.addToProject,
	}),
	changes('POST', {
		path: '/auth/basic/user/{user}/remove_project',
		action: 'user.change-projects',
		summary: 'End a membership',
		body: { project: reference },
		verb: users.removeFromProject,
	}),
];
