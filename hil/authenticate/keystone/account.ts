/** How hil proves to Keystone who it is itself: a service's user, or an application credential of one. */
export type KeystoneAccount =
	| {
			readonly user: string;
			readonly domain: string;
			readonly project: string;
			readonly projectDomain: string;
			readonly password: string;
	  }
	| { readonly applicationCredential: string; readonly secret: string };

/** The body that asks for a token: Identity API v3, "Password authentication with scoped authorization". */
export function tokenRequest(account: KeystoneAccount): object {
	if ('applicationCredential' in account) {
		const { applicationCredential: id, secret } = account;
		const identity = { methods: ['application_credential'], application_credential: { id, secret } };
		return { auth: { identity } };
	}
	const { user: name, domain, project, projectDomain, password } = account;
	const user = { name, domain: { name: domain }, password };
	return {
		auth: {
			identity: { methods: ['password'], password: { user } },
			scope: { project: { name: project, domain: { name: projectDomain } } },
		},
	};
}
