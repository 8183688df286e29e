import { BimetalError } from '../../common/errors/bimetal-error.ts';

/** The log is not what was written. It is left as it is, for a person to look at. */
export function auditCorrupt(file: string, line: number, reason: string): BimetalError {
	return new BimetalError('AuditCorrupt', `${file}, line ${line}: ${reason}`);
}

/** The disk refused a record; the log takes no more until it is opened again. */
export function auditFailed(cause: unknown): BimetalError {
	const reason = cause instanceof Error ? cause.message : String(cause);
	return new BimetalError('AuditFailed', `the audit log cannot be written: ${reason}`, {
		status: 503,
		cause,
	});
}

/** Records come faster than the disk takes them; this one was not taken. */
export function auditFull(): BimetalError {
	return new BimetalError('AuditFull', 'too many audit records are waiting for the disk', { status: 503 });
}

/** Longer than a reader would read; it was not taken. */
export function auditTooLong(bytes: number): BimetalError {
	return new BimetalError('AuditTooLong', `an audit record takes at most ${bytes} bytes`);
}

/** The log was closed, or is closing. */
export function auditClosed(): BimetalError {
	return new BimetalError('AuditClosed', 'the audit log is closed', { status: 503 });
}

/** Another process (or this one) appends to the folder. */
export function auditLocked(folder: string, holder: string): BimetalError {
	return new BimetalError('AuditLocked', `the audit log in ${folder} is in use by ${holder}`);
}

/** The key that signs checkpoints is missing, unreadable, or not the one that signed the log so far. */
export function auditKeyUnusable(reason: string): BimetalError {
	return new BimetalError('AuditKeyUnusable', reason);
}

/** The file with the tree's nodes is shorter than the tree; it is made anew when the log is opened. */
export function auditNodesMissing(path: string): BimetalError {
	return new BimetalError('AuditNodesMissing', `${path} is shorter than it was; start the proxy again`);
}
