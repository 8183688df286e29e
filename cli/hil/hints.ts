/** What to do next about a refusal of hil's, by its code: see hil/errors.ts. */
export const hilHints: Readonly<Record<string, (bimetal: string) => string>> = {
	HilUnreachable: bimetal =>
		`is hil running? '${bimetal} up' starts one here, '${bimetal} hil -c hil.yaml' it alone`,
	HilNotTrusted: () =>
		"give the site CA's certificate with --ca FILE; if the certificate changed unexpectedly, ask the site first",
	AuthorizationError: () => 'the user name and password that the site gave you; passwords are case-sensitive',
	ValidationError: bimetal => `${bimetal} COMMAND --help — or is hil of another version of bimetal?`,
	BadArgumentError: bimetal => `${bimetal} COMMAND --help`,
	NotFoundError: bimetal =>
		`${bimetal} node list, ${bimetal} network list, ${bimetal} project list — show what there is for you`,
	DuplicateError: () => 'another name, or leave it as it is',
	ProjectMismatchError: bimetal => `${bimetal} project show PROJECT — what it has and may use`,
	BlockedError: bimetal => `${bimetal} node show NODE, ${bimetal} network show NETWORK — what is in the way`,
	IllegalStateError: bimetal => `${bimetal} node show NODE`,
	TooBusyError: () => 'the same in a minute',
	AllocationError: bimetal => `${bimetal} network delete NETWORK — or have hil.yaml's vlans widened`,
	OBMError: bimetal => `${bimetal} requests, ${bimetal} bmcs — how the proxy sees it`,
	SwitchAway: bimetal => `${bimetal} switch list — whether it answers`,
	SwitchRefused: bimetal => `${bimetal} switch show SWITCH`,
	SwitchDeaf: bimetal => `${bimetal} switch drift SWITCH`,
	AuthenticatorAway: () => 'the same in a minute; when it goes on, whoever runs the identity service',
};
