import { type Account, createAccount, hashPassword } from '../../redfish/accounts.ts';
import type { AuthMethod } from '../../redfish/gate.ts';
import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { created, failed, forbidden, notFound, type Outcome, success } from '../../redfish/outcome.ts';
import {
	CONFIGURE_USERS,
	isRole,
	LOGIN,
	mayUse,
	ROLES,
	type Role,
	USERS_OR_SELF,
} from '../../redfish/privileges.ts';
import { flag, listOf, matching, oneOf, text, wholeNumber } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import { changeSettings, type Device, setting, withSettings } from '../device.ts';

const SERVICE = '/redfish/v1/AccountService';
const ACCOUNTS = `${SERVICE}/Accounts`;
const USER_NAME = /^[A-Za-z_][\w-]{0,99}$/;
const PASSWORD = /^.{8,20}$/s;

export function accountRoutes(device: Device): Route[] {
	const find = (name: string | undefined) => device.state.accounts.find(account => account.name === name);
	const sees = (call: Call, name: string | undefined) =>
		call.account !== undefined && (call.account.name === name || mayUse(call.account.role, CONFIGURE_USERS));
	return [
		...resource(SERVICE, () => withSettings(device, accountService()), { schema: 'AccountService' }),
		act('PATCH', SERVICE, CONFIGURE_USERS, call => changeService(device, call), { schema: 'AccountService' }),
		...resource(
			ACCOUNTS,
			call =>
				collection(
					ACCOUNTS,
					'ManagerAccountCollection',
					'Accounts Collection',
					device.state.accounts.map(account => account.name).filter(name => sees(call, name)),
					'BMC User Accounts',
				),
			{ schema: 'ManagerAccountCollection.json' },
		),
		act('POST', ACCOUNTS, CONFIGURE_USERS, call => createUser(device, call)),
		...accountRoute(device, find, sees),
		...roleRoutes(),
	];
}

function accountRoute(
	device: Device,
	find: (name: string | undefined) => Account | undefined,
	sees: (call: Call, name: string | undefined) => boolean,
): Route[] {
	const read = (call: Call): Outcome => {
		const [name = ''] = call.params;
		if (!sees(call, name)) return forbidden();
		const account = find(name);
		return account ? { status: 200, body: show(account) } : notFound('ManagerAccount', name);
	};
	const route: Route = {
		method: 'GET',
		pattern: `${ACCOUNTS}/{}`,
		requirement: LOGIN,
		handle: read,
		schema: 'ManagerAccount',
	};
	return [
		route,
		{ ...route, method: 'HEAD' },
		act('PATCH', `${ACCOUNTS}/{}`, USERS_OR_SELF, call => changeUser(device, call, find, sees), {
			schema: 'ManagerAccount',
		}),
		act('DELETE', `${ACCOUNTS}/{}`, CONFIGURE_USERS, call => {
			const [name = ''] = call.params;
			if (!find(name)) return notFound('ManagerAccount', name);
			device.state.accounts = device.state.accounts.filter(account => account.name !== name);
			device.sessions.removeOf(name);
			device.touch();
			return success('AccountRemoved');
		}),
	];
}

function accountService(): JsonObject {
	const authMethods = { BasicAuth: true, Cookie: true, SessionToken: true, TLS: true, XToken: true };
	const clientCertificates = `${SERVICE}/MultiFactorAuth/ClientCertificate/Certificates`;
	return {
		'@odata.id': SERVICE,
		'@odata.type': '#AccountService.v1_15_0.AccountService',
		Id: 'AccountService',
		Name: 'Account Service',
		Description: 'Account Service',
		ServiceEnabled: true,
		MinPasswordLength: 8,
		MaxPasswordLength: 20,
		AccountLockoutThreshold: 0,
		AccountLockoutDuration: 0,
		HTTPBasicAuth: 'Enabled',
		'HTTPBasicAuth@Redfish.AllowableValues': ['Enabled', 'Disabled'],
		Accounts: link(ACCOUNTS),
		Roles: link(`${SERVICE}/Roles`),
		LDAP: { Certificates: link(`${SERVICE}/LDAP/Certificates`) },
		MultiFactorAuth: {
			ClientCertificate: {
				CertificateMappingAttribute: 'CommonName',
				Certificates: link(clientCertificates),
				Enabled: true,
				RespondToUnauthenticatedClients: true,
			},
		},
		Oem: {
			OpenBMC: {
				'@odata.id': `${SERVICE}#/Oem/OpenBMC`,
				'@odata.type': '#OpenBMCAccountService.v1_0_0.AccountService',
				AuthMethods: authMethods,
			},
		},
	};
}

/** Whether this way to log in was left on; Basic has a switch of Redfish's own beside OpenBMC's. */
export function allowsAuth(device: Device, method: AuthMethod): boolean {
	if (method === 'BasicAuth' && setting(device, SERVICE, 'HTTPBasicAuth') === 'Disabled') return false;
	return setting(device, SERVICE, `Oem/OpenBMC/AuthMethods/${method}`) !== false;
}

function changeService(device: Device, call: Call): Outcome {
	const read = call.values({
		AccountLockoutThreshold: wholeNumber(0, 65_535),
		AccountLockoutDuration: wholeNumber(0, 86_400),
		MinPasswordLength: wholeNumber(8, 20),
		HTTPBasicAuth: oneOf('Enabled', 'Disabled'),
		Oem: {
			OpenBMC: {
				AuthMethods: { BasicAuth: flag, Cookie: flag, SessionToken: flag, TLS: flag, XToken: flag },
			},
		},
		LDAP: { ServiceEnabled: flag, ServiceAddresses: listOf(text) },
		ActiveDirectory: { ServiceEnabled: flag, ServiceAddresses: listOf(text) },
	});
	if (!read.ok) return read.outcome;
	changeSettings(device, SERVICE, read.value);
	return success();
}

function show(account: Account): JsonObject {
	return {
		'@odata.id': `${ACCOUNTS}/${account.name}`,
		'@odata.type': '#ManagerAccount.v1_7_0.ManagerAccount',
		Id: account.name,
		Name: 'User Account',
		Description: 'User Account',
		UserName: account.name,
		Password: null,
		PasswordChangeRequired: false,
		RoleId: account.role,
		Links: { Role: link(`${SERVICE}/Roles/${account.role}`) },
		Enabled: account.enabled,
		Locked: false,
		'Locked@Redfish.AllowableValues': ['false'],
		StrictAccountTypes: true,
		AccountTypes:
			account.role === 'Administrator'
				? ['HostConsole', 'IPMI', 'Redfish', 'WebUI']
				: ['IPMI', 'Redfish', 'WebUI', 'ManagerConsole'],
	};
}

function createUser(device: Device, call: Call): Outcome {
	const read = call.values(
		{
			UserName: matching(USER_NAME),
			Password: matching(PASSWORD),
			RoleId: oneOf(...Object.keys(ROLES)),
			Enabled: flag,
			AccountTypes: listOf(text),
		},
		['UserName', 'Password'],
	);
	if (!read.ok) return read.outcome;
	const name = String(read.value.get('UserName'));
	if (device.state.accounts.some(account => account.name === name)) {
		return failed(400, 'ResourceAlreadyExists', 'ManagerAccount', 'UserName', name);
	}
	const role = read.value.get('RoleId');
	const account = createAccount({
		name,
		password: String(read.value.get('Password')),
		role: isRole(role) ? role : 'ReadOnly',
	});
	device.state.accounts.push({ ...account, enabled: read.value.get('Enabled') !== false });
	device.touch();
	return created(`${ACCOUNTS}/${name}`);
}

function changeUser(
	device: Device,
	call: Call,
	find: (name: string | undefined) => Account | undefined,
	sees: (call: Call, name: string | undefined) => boolean,
): Outcome {
	const [name = ''] = call.params;
	if (!sees(call, name)) return forbidden();
	const account = find(name);
	if (!account) return notFound('ManagerAccount', name);
	const read = call.values({
		UserName: matching(USER_NAME),
		Password: matching(PASSWORD),
		RoleId: oneOf(...Object.keys(ROLES)),
		Enabled: flag,
		Locked: flag,
		AccountTypes: listOf(text),
	});
	if (!read.ok) return read.outcome;
	const { value } = read;
	const mayAll = call.account !== undefined && mayUse(call.account.role, CONFIGURE_USERS);
	// ConfigureSelf is for one's own password and nothing else.
	if (!mayAll && [...value.keys()].some(property => property !== 'Password')) return forbidden();
	const newName = String(value.get('UserName') ?? name);
	if (newName !== name && find(newName)) {
		return failed(400, 'ResourceAlreadyExists', 'ManagerAccount', 'UserName', newName);
	}
	const changed: Account = {
		...account,
		name: newName,
		role: (value.get('RoleId') as Role | undefined) ?? account.role,
		enabled: (value.get('Enabled') as boolean | undefined) ?? account.enabled,
		...(value.has('Password') ? hashPassword(String(value.get('Password'))) : {}),
	};
	device.state.accounts = device.state.accounts.map(other => (other.name === name ? changed : other));
	// A new password, name or role ends what was opened under the old one.
	if (changed.hash !== account.hash || newName !== name || changed.role !== account.role) {
		device.sessions.removeOf(name);
	}
	device.touch();
	return success();
}

function roleRoutes(): Route[] {
	const uri = `${SERVICE}/Roles`;
	return [
		...resource(uri, () =>
			collection(uri, 'RoleCollection', 'Roles Collection', Object.keys(ROLES), 'BMC User Roles'),
		),
		...resource(
			`${uri}/{}`,
			({ params: [id] }) =>
				isRole(id)
					? {
							'@odata.id': `${uri}/${id}`,
							'@odata.type': '#Role.v1_2_2.Role',
							Id: id,
							RoleId: id,
							Name: 'User Role',
							Description: `${id} User Role`,
							IsPredefined: true,
							// Being in the group of the host console is no privilege of Redfish's.
							AssignedPrivileges: ROLES[id].filter(name => name !== 'OpenBMCHostConsole'),
							OemPrivileges: [],
						}
					: undefined,
			{ type: 'Role' },
		),
	];
}
