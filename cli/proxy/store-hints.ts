/** What to do next when what a service keeps cannot be read or written: see common/store/errors.ts and proxy/audit/errors.ts. */
export const storeHints: Readonly<Record<string, (bimetal: string) => string>> = {
	StoreLocked: () => 'stop the process that has the store open, or let it give a snapshot (snapshot.sock)',
	StoreClosed: () => 'the same when the service is up again',
	StoreConflict: () => 'the same again; if it stays so, report it',
	StoreCorrupt: bimetal =>
		`${bimetal} backup restore — nothing was changed in the file, keep it to be looked at`,
	StoreInvalid: () => 'this is a fault in bimetal: please report it',
	StoreUnsupported: () => 'the version of bimetal, or of Node, that wrote it, or a newer one',
	StoreFailed: () => 'room on the disk, and its health; then start the service anew',
	StoreUncertain: () => 'look whether it was done before you repeat it, or repeat it with the same --once',
	NotLeading: () => 'the same again: another process has taken over',
	AuditCorrupt: bimetal => `${bimetal} audit verify FOLDER — what is wrong; a party's copy has the rest`,
	AuditFailed: () => 'room on the disk of the audit log, then start the proxy anew',
	AuditFull: () => 'the same in a minute; if it stays so, a faster disk for the audit log',
	AuditTooLong: () => 'a shorter request',
	AuditClosed: () => 'the same when the proxy is up again',
	AuditLocked: () => 'stop the process that has the audit log open',
	AuditKeyUnusable: () => 'the key that has signed the log so far, from a backup',
	AuditNodesMissing: () => 'start the proxy anew: the file is made again',
};
