import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted } from '../failure.ts';

/** Codes that other services answer with as well: what to do next is another thing here. */
const hints: Readonly<Record<string, (bimetal: string) => string>> = {
	NotThere: bimetal =>
		`${bimetal} attest list, ${bimetal} attest passages list, ${bimetal} attest enrolments, ${bimetal} attest policies — what there is; ${bimetal} attest set-policy sets a policy, and ${bimetal} node list shows whose nodes are`,
	NotFound: () =>
		"another --attest URL: nothing there does this. Whose it is adds registrar, verifier or airlock to that service's site file",
	NotLoggedIn: () =>
		'BIMETAL_ATTEST_USER and BIMETAL_ATTEST_PASSWORD_FILE, or --as NAME: the service knows either its own accounts or users of hil',
	Forbidden: () => '--as NAME, or BIMETAL_ATTEST_USER: who acts as somebody else',
};

/** @throws what `work` throws, with what to do next at a registrar or verifier. */
export async function withAttestHints<R>(context: CliContext, work: () => Promise<R>): Promise<R> {
	try {
		return await work();
	} catch (error) {
		if (!(error instanceof BimetalError) || 'tryNext' in error) throw error;
		const hint = hints[error.code];
		throw hint ? hinted(error, hint(commandName(context))) : error;
	}
}
