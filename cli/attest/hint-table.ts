/** What to do next about a refusal of a registrar's, a verifier's or the airlock's, by its code: see attest/errors.ts. */
export const attestHints: Readonly<Record<string, (bimetal: string) => string>> = {
	AttestUnreachable: bimetal => `is it running? '${bimetal} attest -c attest.yaml' starts it`,
	AttestNotTrusted: () => 'give its CA with --ca FILE, or BIMETAL_ATTEST_CA',
	EnrolmentDiffers: bimetal => `${bimetal} attest forget NODE, when its TPM was really replaced`,
	NodeBusy: bimetal => `${bimetal} attest list — which one; ${bimetal} attest end ID`,
	AdmissionOver: bimetal =>
		`${bimetal} attest show ID — why; ${bimetal} attest admit NODE asks for a new one`,
	PolicyRefused: () => 'what the detail says, in the policy’s file',
	NotLearnt: bimetal => `boot the node again, and ${bimetal} attest learn NODE`,
	EvidenceUnreadable: bimetal => `a file that '${bimetal} attest evidence' wrote`,
	EvidenceRefused: bimetal =>
		`${bimetal} attest show ID, and ${bimetal} attest withdraw ID REASON when you do not trust it`,
	PayloadSet: bimetal => `${bimetal} attest withdraw ID REASON, when it was not you`,
	NotAttested: bimetal => `${bimetal} attest show ID — why; ${bimetal} attest admit NODE asks for a new one`,
	PayloadTooLarge: () => 'a smaller file: the keys of what is large, and that elsewhere',
	EvidenceForeign: () => 'another copy of the file: nothing of this one is to be believed',
	EndorsementKeyTaken: bimetal =>
		`${bimetal} attest enrolments — which node; ${bimetal} attest forget NODE, when the TPM is in another one now`,
	RegistrationRefused: bimetal =>
		`${bimetal} attest enrolments — whose certificate it is; the registrar's site file names the makers that it trusts`,
	ActivationRefused: () => 'start the agent anew: it registers again',
	TooMany: bimetal =>
		`${bimetal} attest list, ${bimetal} attest passages list — what is open; ${bimetal} attest end ID ends one`,
	PolicyInUse: bimetal =>
		`${bimetal} attest list — which are open; ${bimetal} attest end ID, or another name for the policy`,
	PassageOver: bimetal =>
		`${bimetal} attest passages show ID — where it is; one that is in leaves with '${bimetal} node release'`,
	PushRefused: () => 'what the detail says, in the site file of the verifier; then start it anew',
	RegistrarAway: () => 'start the registrar, or mend registrar.url in the site file of the verifier',
	JudgeAway: () =>
		'nothing: the node shows its evidence again by itself; when it goes on, the verifier’s log',
	SettingsDiffer: () => 'the same airlock in the site files of all processes with this database',
	VerifierKeyDiffers: () => 'the key file of the process that was there first, copied to this one',
};
