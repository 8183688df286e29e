/** Redfish's standard roles and privileges (DSP0266, "Roles"), with the sets that OpenBMC assigns. */
export type Role = 'Administrator' | 'Operator' | 'ReadOnly';
export type Privilege =
	| 'Login'
	| 'ConfigureManager'
	| 'ConfigureUsers'
	| 'ConfigureSelf'
	| 'ConfigureComponents'
	// bmcweb's name for being in the group of the host console, which its administrators are.
	| 'OpenBMCHostConsole';

export const ROLES: Readonly<Record<Role, readonly Privilege[]>> = {
	Administrator: [
		'Login',
		'ConfigureManager',
		'ConfigureUsers',
		'ConfigureSelf',
		'ConfigureComponents',
		'OpenBMCHostConsole',
	],
	Operator: ['Login', 'ConfigureSelf', 'ConfigureComponents'],
	ReadOnly: ['Login', 'ConfigureSelf'],
};

/** Any one of the sets must be held in whole; no set at all means that anybody may, without logging in. */
export type Requirement = readonly (readonly Privilege[])[];

export const OPEN: Requirement = [];
export const LOGIN: Requirement = [['Login']];
export const CONFIGURE_MANAGER: Requirement = [['ConfigureManager']];
export const CONFIGURE_COMPONENTS: Requirement = [['ConfigureComponents']];
export const CONFIGURE_USERS: Requirement = [['ConfigureUsers']];
export const MANAGER_OR_SELF: Requirement = [['ConfigureManager'], ['ConfigureSelf']];
export const HOST_CONSOLE: Requirement = [['OpenBMCHostConsole']];
export const COMPONENTS_AND_MANAGER: Requirement = [['ConfigureComponents', 'ConfigureManager']];
export const USERS_OR_SELF: Requirement = [['ConfigureUsers'], ['ConfigureSelf']];
export const MANAGER_OR_COMPONENTS: Requirement = [['ConfigureManager'], ['ConfigureComponents']];

export function mayUse(role: Role, requirement: Requirement): boolean {
	const held = ROLES[role];
	return (
		requirement.length === 0 || requirement.some(set => set.every(privilege => held.includes(privilege)))
	);
}

export function isRole(name: unknown): name is Role {
	return typeof name === 'string' && Object.hasOwn(ROLES, name);
}
