import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { proxyErrors } from '../errors.ts';

/** The BMC could not be reached: certainly nothing was executed. */
export const bmcUnreachable = (bmc: string, why: string, cause?: unknown) =>
	proxyErrors.BmcUnreachable(`the BMC of ${bmc} cannot be reached: ${why}`, { cause });

/** The request was sent, or may have been, and no answer came: it may have been executed. */
export const bmcNoAnswer = (bmc: string, why: string, cause?: unknown) =>
	proxyErrors.BmcNoAnswer(`the BMC of ${bmc} gave no answer: ${why}`, { cause });

/** What came back is no HTTP, or no JSON where JSON must be filtered: it may have been executed. */
export const bmcGarbage = (bmc: string, why: string, cause?: unknown) =>
	proxyErrors.BmcGarbage(`the BMC of ${bmc} gave an answer that cannot be used: ${why}`, { cause });

/** Sorts what undici reports into the three; `started` says whether the request had begun to be written. */
export function classifyFault(bmc: string, fault: unknown, started: boolean): BimetalError {
	if (fault instanceof BimetalError) return fault;
	const {
		code = '',
		name = '',
		message = String(fault),
	} = fault as { code?: string; name?: string; message?: string };
	if (!started)
		return bmcUnreachable(
			bmc,
			code === 'UND_ERR_CONNECT_TIMEOUT' ? 'connecting took too long' : message,
			fault,
		);
	if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
		return bmcNoAnswer(bmc, 'it took too long', fault);
	}
	if (name === 'HTTPParserError') return bmcGarbage(bmc, `not HTTP (${message})`, fault);
	return bmcNoAnswer(bmc, message, fault);
}

const notSent = [
	'BmcUnreachable',
	'BmcBusy',
	'PreconditionFailed',
	'AuditUnavailable',
	'NotExecuted',
	'ImageGone',
	'ImageTooLargeForBmc',
];

/** True of faults after which certainly nothing was executed. */
export const wasNotSent = (fault: unknown): boolean =>
	fault instanceof BimetalError && notSent.includes(fault.code);
