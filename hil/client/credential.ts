/** What a caller shows: a user's password, a Keystone token (asked for at each call), or a certificate. */
export type HilCredential =
	| { readonly username: string; readonly password: string }
	| { readonly token: string | (() => Promise<string>) }
	/** Headers in which somebody else has shown theirs: to learn who that is. */
	| { readonly shown: Readonly<Record<string, string>> }
	| {
			/** Both PEM; the certificate with what issued it, unless hil knows that. */
			readonly certificate: string;
			readonly key: string;
	  };

/** The headers that show it; none for a certificate, which the connection shows. */
export async function credentialHeaders(credential: HilCredential): Promise<Record<string, string>> {
	if ('certificate' in credential) return {};
	if ('shown' in credential) return credential.shown;
	if ('token' in credential) {
		const { token } = credential;
		return { 'x-auth-token': typeof token === 'string' ? token : await token() };
	}
	const { username, password } = credential;
	return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}
