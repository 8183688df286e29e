/**
 * Why evidence is refused: each code, and what it means. docs/attestation-policies.md lists them, and a test compares.
 * A code is for programs and never changes its meaning; the reason beside it is for people.
 */
export const refusalMeanings = {
	Malformed:
		'The bytes are not what they should be: cut short, too long, or with a value that makes no sense.',
	Unsupported:
		'A key type, algorithm, curve or structure that is not verified here; nothing unknown is let through.',
	CertificateUntrusted: 'The endorsement key’s certificate does not lead to a root that is trusted.',
	CertificateNotInForce: 'A certificate of the chain is not yet valid, or no longer.',
	CertificateUnfit:
		'A certificate of the chain is not made for this: its basic constraints, key usage or a critical extension.',
	KeyMismatch: 'Two keys that must be the same are not.',
	KeyUnfit: 'A key’s attributes or scheme do not make it what it must be.',
	SignatureWrong: 'The signature was not made by this key over these bytes.',
	NotQuote: 'The signed structure was not made by a TPM, or is none of PCRs.',
	NonceWrong: 'The quote does not carry the data that was asked for: it is old, or made for another request.',
	SelectionWrong: 'The quote covers other PCRs than those that were asked for.',
	DigestWrong: 'The PCR values shown are not those that the TPM signed.',
	EventUnknown: 'The boot log has a type of event that is not known; nobody has said what it would mean.',
	EventMismatch: 'An event’s data does not have the digest that was measured.',
	LogMismatch:
		'The log does not lead to the PCR values quoted: it was cut, changed, or belongs to another boot.',
	FileNotAllowed: 'A file was measured that the allow-list does not have with that digest.',
	FileSignatureWrong: 'A file’s signature is not one of a key of the keyring over that digest.',
	KeyringWrong: 'A key was loaded into a keyring of the kernel that the policy does not allow there.',
	PolicyEmpty: 'The policy would check nothing.',
	PolicyWrong: 'The policy is not well formed, or contradicts itself.',
	SignerWrong: 'The key that signed is not where it should be in the TPM: below the endorsement key.',
	ClockWrong: 'The TPM’s clock did not go on from where it was.',
	Rebooted: 'The node has booted anew since it was admitted: it needs a new admission.',
	EvidenceMissing: 'What the policy needs was not sent: the boot log or the IMA list.',
	PcrNotAllowed: 'A PCR has a value that the policy does not have for it.',
	PcrChanged: 'A PCR has another value than when the node was admitted.',
	EventNotAllowed: 'Something was measured while booting that the policy does not allow.',
	NotErased:
		'The TPM was not cleared in this boot: what the node’s last tenant has left in it may still be there.',
	AirlockLeft:
		'A tenant’s system has been started in this boot already: only a new boot is the airlock again.',
	EventMissing: 'Something that the policy asks for was not measured while booting, or not exactly once.',
} as const;

export type RefusalCode = keyof typeof refusalMeanings;

export interface Refusal {
	readonly code: RefusalCode;
	/** What is wrong, where, and what was expected: for people. Holds values of the evidence, but no secret. */
	readonly reason: string;
}

/** What a check comes to. A refusal is an answer, not a fault: nothing here throws because evidence is bad. */
export type Outcome<T> =
	| { readonly ok: true; readonly value: T }
	| { readonly ok: false; readonly refusal: Refusal };

export const accept = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const refuse = (code: RefusalCode, reason: string): Outcome<never> => ({
	ok: false,
	refusal: { code, reason },
});
