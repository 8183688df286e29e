import { readNamedFile, readPasswordFile } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';
import { askSecret, confirm, readStandardInput } from '../prompt.ts';
import { visible } from '../visible.ts';

export interface PasswordOptions {
	readonly user?: string;
	readonly passwordStdin?: boolean;
	readonly passwordFile?: string;
}

export interface TrustOptions {
	/** A file: the certificate of the site's CA. */
	readonly ca?: string | undefined;
	/** SHA-256 of the certificate that the server must show. */
	readonly trust?: string;
}

/** From a file, standard input, or the terminal. */
export async function choosePassword(
	context: CliContext,
	origin: string,
	options: PasswordOptions,
): Promise<string> {
	if (options.passwordStdin && options.passwordFile) {
		throw usageError('--password-stdin and --password-file exclude each other', 'give one of them');
	}
	if (options.passwordFile) return readPasswordFile(context, options.passwordFile);
	const password = options.passwordStdin
		? ((await readStandardInput(context)).split(/\r?\n/, 1)[0] ?? '')
		: await askSecret(
				context,
				`Password of ${options.user} at ${origin}: `,
				'--password-stdin or --password-file FILE',
			);
	if (!password) throw usageError('the password is empty', 'type it, or give --password-file FILE');
	return password;
}

/** The PEM to trust: from --ca, from the system (undefined), or on first use after the user has agreed. */
export async function chooseTrust(
	context: CliContext,
	origin: string,
	options: TrustOptions,
): Promise<string | undefined> {
	if (options.ca) return readNamedFile(context, options.ca, 'CA certificate');
	const { presentedCertificate, sameFingerprint, trustedBySystem } = await import('../trust.ts');
	if (!options.trust && (await trustedBySystem(origin))) return undefined;
	const shown = await presentedCertificate(origin);
	if (options.trust) {
		if (sameFingerprint(options.trust, shown.fingerprint)) return shown.pem;
		throw usageError(
			`${origin} shows another certificate: SHA-256 ${shown.fingerprint}`,
			'do not log in before the site has confirmed this fingerprint',
		);
	}
	if (!context.stdin.isTTY) {
		throw usageError(
			`${origin} is not trusted yet, and there is no terminal to ask`,
			`--ca FILE, or --trust ${shown.fingerprint} once the site has confirmed this SHA-256 fingerprint`,
		);
	}
	context.stderr.write(
		`${origin} is not known yet. It shows ${shown.isRoot ? 'the CA certificate' : 'the certificate'}\n` +
			`  subject  ${visible(shown.subject)}\n  SHA-256  ${shown.fingerprint}\n` +
			'Compare the fingerprint with what the site has told you.\n',
	);
	if (await confirm(context, 'Trust it from now on?')) return shown.pem;
	throw usageError('not trusted, nothing was sent', "give the site CA's certificate with --ca FILE");
}
