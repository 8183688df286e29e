import { BimetalError } from '../../../common/errors/bimetal-error.ts';
import { hilErrors } from '../../errors.ts';

/** Codes of Node.js's TLS that say who answered, not that nobody did. */
const distrust =
	/^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME_INVALID)/;

/** What a fault of the network, of TLS or of HTTP says about a switch: SwitchAway in words that say what to do. */
export function awayFrom(origin: string, fault: unknown): BimetalError {
	if (fault instanceof BimetalError) return fault;
	const code = codeOf(fault);
	const { host } = new URL(origin);
	const away = (words: string) => hilErrors.SwitchAway(words, { cause: fault });
	if (distrust.test(code)) {
		return away(
			`the certificate of ${host} is not believed (${code}): nothing was sent to it. hil.yaml names those who sign for switches (switches.ca)`,
		);
	}
	if (/^(ERR_SSL_|EPROTO$)/.test(code)) return away(`${host} does not speak TLS as it must (${code})`);
	if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || code === 'HPE_HEADER_OVERFLOW') {
		return away(`${host} answered more than can be an answer`);
	}
	if (/^HPE_/.test(code)) return away(`what ${host} answered is no HTTP (${code})`);
	return away(`${host} did not answer (${code})`);
}

function codeOf(fault: unknown): string {
	if (!(fault instanceof Error)) return 'unknown';
	if ('code' in fault && typeof fault.code === 'string') return fault.code;
	if (fault instanceof AggregateError) return codeOf(fault.errors[0]);
	return fault.cause === undefined ? fault.name : codeOf(fault.cause);
}
