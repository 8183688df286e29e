/** Where things are on a board; system/start and its firewall say the same. */

/** The Redfish service's password: made at each start, in memory, for the proxy alone. */
export const credentialFile = '/run/board/redfish-password';
/** The address that the board's network gave it. */
export const addressFile = '/run/board/address';
/** On loopback; root's, as every port below 443 there. */
export const redfishPort = 80;
/** What a client finds on the board's network: its Redfish, through the proxy, and the proxy's own service. */
export const boardPorts = { redfish: 443, proxy: 8443 } as const;
